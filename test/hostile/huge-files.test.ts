import { describe, expect } from 'vitest';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from '../worker/harness.ts';
import { ended, startScript } from './support/program.ts';

/** More than Node.js reads at once. The files are sparse: they use no disk space. */
const HUGE = 2 ** 31 + 4_096;
const TIME_LIMIT = 240_000;

describe('a file of more than 2 GiB', () => {
  test('can be a result, which is printed unchanged', { timeout: TIME_LIMIT }, async ({ q }) => {
    await q.submit('--id', 't');
    const file = q.write('.agentq/results/t.md');
    truncateSync(file, HUGE);
    await q.ok('complete', 't', '--from', 'r', '--result-file', file);
    const env = { ...process.env, AGENTQ_DIR: q.path('.agentq') };
    const count = startScript('"$0" "$1" result t | wc -c', [], { env, timeout: TIME_LIMIT, stdio: 'pipe' });
    expect(await ended(count)).toEqual({ code: 0, stdout: expect.stringMatching(`^ *${HUGE}\n$`), stderr: '' });
  });

  test('can be a context, which a child reads', { timeout: TIME_LIMIT }, async ({ q }) => {
    const file = q.write('.agentq/tasks/big.md');
    truncateSync(file, HUGE);
    await q.ok('submit', '--to', 'r', '--file', file);
    await q.workOff('wc -c');
    expect((await q.result('big')).content).toMatch(new RegExp(`^ *${HUGE}\n$`));
  });
});

test('a large context after instructions is on standard input and in the context file', async ({ q }) => {
  const size = 65 * 1024 * 1024;
  truncateSync(q.write('large.md'), size);
  await q.ok('submit', '--to', 'r', '--id', 't', '--instructions', 'count', '--file', q.path('large.md'));
  await q.workOff('wc -c; wc -c < "$AGENTQ_CONTEXT_FILE"; head -n 1 "$AGENTQ_CONTEXT_FILE"');
  const all = size + 'count\n\n'.length;
  expect((await q.result('t')).content).toMatch(new RegExp(`^ *${all}\n *${all}\ncount\n$`));
});

test('a large context that was changed fails the attempt before the child begins', async ({ q }) => {
  const file = q.write('large.md');
  truncateSync(file, 65 * 1024 * 1024);
  await q.ok('submit', '--to', 'r', '--id', 't', '--file', file);
  writeFileSync(q.path('.agentq/tasks/t.md'), 'x', { flag: 'r+' });
  await q.workOff('echo > "$OUT/begun"');
  expect((await q.task('t')).status).toBe('failed');
  expect(readdirSync(q.folder)).not.toContain('begun');
});

test('a result of more than 64 MiB is refused with --json, which needs it in memory', async ({ q }) => {
  const file = q.write('large.md');
  truncateSync(file, 65 * 1024 * 1024);
  await q.submit('--id', 't');
  await q.ok('complete', 't', '--from', 'r', '--result-file', file);
  expect(await q.agentq('result', 't', '--json')).toMatchObject({
    code: 13,
    stderr: expect.stringContaining('agentq result t > FILE'),
  });
});
