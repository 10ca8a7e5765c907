import { rmSync } from 'node:fs';
import { expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

test('a completed task whose result has drifted is done again, and shows its former outcome', async ({ q }) => {
  q.write('out.md', 'first');
  await q.submit('t');
  await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md', '--summary', 'all done');
  rmSync(q.path('.agentq/results/t.md'));
  for (const verb of ['result', 'status']) expect((await q.refused(verb, 't')).hint).toMatch(/agentq redo t --reason/);
  const doctor = await q.run('doctor', '--json');
  expect(doctor.json().findings).toMatchObject([{ subject: 't', severity: 'problem' }]);
  expect(doctor.stdout).toMatch(/agentq redo t --reason/);

  expect((await q.refused('redo', 't')).exit).toBe(2);
  expect(await q.ok('redo', 't', '--reason', 'its result was lost', '--from', 'boss')).toBe('t queued');
  expect(await q.json('redo', 't', '--reason', 'its result was lost', '--from', 'boss')).toEqual({
    tasks: [{ task_id: 't', status: 'queued', changed: false }],
  });
  expect((await q.run('inbox')).code).toBe(9);
  expect((await q.run('wait', 't', '--timeout', '0')).code).toBe(8);
  expect((await q.refused('result', 't')).exit).toBe(23);
  const former = { by: 'boss', reason: 'its result was lost', attempt: 1, summary: 'all done', completed_by: 'r' };
  expect(await q.task('t')).toMatchObject({ status: 'queued', drift: [], redone: [former] });
  const shown = await q.ok('show', 't');
  expect(shown).toMatch(/redone +now by boss: its result was lost/);
  expect(shown).toMatch(/all done, results\/t\.md/);
  // The drift of a former outcome is advice.
  expect(await q.json('doctor')).toMatchObject({
    healthy: true,
    findings: expect.arrayContaining([expect.objectContaining({ subject: 't', severity: 'advice' })]),
  });

  const { attempt, result_file } = await q.claim();
  q.write('second.md', 'second');
  expect(attempt).toBe(2);
  expect(result_file).toMatch(/results\/t@2\.md$/);
  await q.ok('complete', 't', '--attempt', '2', '--result-file', 'second.md', '--summary', 'better');
  expect(await q.ok('result', 't')).toBe('second');
  expect((await q.json('inbox')).messages).toEqual([
    expect.objectContaining({ task_id: 't', summary: 'better', status: 'completed' }),
  ]);
  expect(await q.task('t')).toMatchObject({ summary: 'better', redone: [former], drift: [] });
});

test('a prune removes the files of former outcomes', async ({ q }) => {
  q.write('out.md', 'first');
  await q.submit('t');
  await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md', '--artifact', 'patch=out.md');
  await q.ok('redo', 't', '--reason', 'again');
  await q.claim();
  await q.ok('complete', 't', '--attempt', '2', '--result-file', 'out.md');
  expect(await q.json('doctor')).toMatchObject({ healthy: true, findings: [] });
  q.advance(60);
  await q.ok('prune', '--older-than', '0');
  expect(q.stored()).toEqual([]);
});

test('a redo of several tasks tries all of them, and says what to do with those that have not completed', async ({
  q,
}) => {
  await q.submit('a');
  await q.ok('complete', 'a', '--from', 'r', '--summary', 's');
  await q.submit('b');
  await q.ok('fail', 'b', '--from', 'r', '--reason', 'no');
  const ran = await q.run('redo', 'b', 'a', '--reason', 'again');
  expect(ran).toMatchObject({ code: 4, stdout: 'a queued\n' });
  expect(ran.stderr).toMatch(/b is failed: only a completed task can be done again \(agentq dlq retry b\)/);
});
