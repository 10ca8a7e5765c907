import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { childScript, idOf, type OddChild, oddKinds } from '../../src/app/torture/odd-children.ts';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT } from '../worker/harness.ts';
import { test, unprivileged } from './support/unprivileged.ts';

/** The children whose task is completed. All others fail. */
const able: readonly OddChild[] = [
  'artifacts-gone',
  'link-among-artifacts',
  'odd-names',
  'many-artifacts',
  'no-newline',
  'no-text',
  'daemon',
  'daemon-that-holds-the-output',
  'try-later',
];

test('each odd child of torture can end only its own attempt, and the worker continues', CONCURRENT, async ({ q }) => {
  const rows = [...oddKinds, ...oddKinds.map(() => 'plain' as const)].map((kind, i) => ({
    task_id: idOf('v1', 5, kind, i),
    to: 'r',
    instructions: 'do it',
    max_attempts: 2,
  }));
  q.write('rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  await q.ok('submit', '--batch', 'rows.jsonl');
  const worker = q.workWith(['/bin/sh', '-c', childScript], '--until-empty', '--concurrency', '4');
  expect(await worker.ended).toMatchObject({ code: 0 });
  const { tasks } = await q.json<Output<'list'>>('list', '--limit', `${rows.length}`);
  const statuses = Object.fromEntries(tasks.map(({ task_id, status }) => [task_id, status]));
  const expected = (kind: string) => (kind === 'plain' || able.some((one) => one === kind) ? 'completed' : 'failed');
  expect(statuses).toEqual(Object.fromEntries(rows.map(({ task_id }) => [task_id, expected(task_id.split('.')[1]!)])));
  for (const { task_id, status } of tasks) {
    if (status !== 'failed') continue;
    const { attempts } = await q.task(task_id);
    expect(attempts.map(({ outcome, reason }) => [outcome, typeof reason])).toEqual([
      ['failed', 'string'],
      ['failed', 'string'],
    ]);
  }
});

test('torture of an unprivileged user finds no fault and leaves no files', CONCURRENT, async ({ q }) => {
  mkdirSync(q.path('disk'));
  if (unprivileged) chownSync(q.path('disk'), unprivileged.uid, unprivileged.gid);
  const run = ['--on', q.path('disk'), '--seconds', '4', '--workers', '2', '--seed', '3', '--json'];
  const ran = await q.agentq('torture', ...run);
  expect(ran).toMatchObject({ code: 0 });
  const report = JSON.parse(ran.stdout) as Output<'torture'>;
  expect(report).toMatchObject({ lost: 0, completed_twice: 0, stale_accepted: 0, findings: [] });
  expect(report.odd).toBeGreaterThan(0);
  expect(readdirSync(q.path('disk'))).toEqual([]);
});
