import type { Shell } from '../harness.ts';

export const role = 'implementation-worker-of-the-north-team1'; // 40 characters
const worker = 'a-machine-with-a-long-name-in-the-data-centre';
export const wide = '設計を確認して、危険な点をすべて挙げてください😀。とくに保存と通信の部分を見てください。';
export const reason = `exit code 1: ${'the program printed more than any table can show '.repeat(8)}`.trimEnd();
export const longId = `task-with-an-id-of-seventy-characters-${'x'.repeat(32)}`;

/** Creates long names, wide characters and tasks in every status. */
export async function prepare(q: Shell): Promise<void> {
  await q.ok('init');
  const submit = (id: string, ...more: string[]) =>
    q.ok('submit', '--to', role, '--id', id, '--instructions', wide, ...more);
  await submit('task-9ppjrd2ysy5f', '--expect', 'summary,patch,report');
  await q.ok('claim', '--as', role, '--worker', worker);
  for (const percent of ['10', '20', '30'])
    await q.ok('progress', 'task-9ppjrd2ysy5f', '--percent', percent, '--note', `${percent}: ${wide}`);
  await submit('task-done4711abcd');
  q.write('out.md', 'result');
  await q.ok('complete', 'task-done4711abcd', '--from', role, '--summary', reason, '--result-file', 'out.md');
  await submit('task-failed471123');
  await q.ok('fail', 'task-failed471123', '--from', role, '--reason', reason);
  await submit('task-cancelled471');
  await q.ok('cancel', 'task-cancelled471', '--reason', wide);
  await submit('task-scheduled471', '--delay', '1h');
  await submit('task-expired47111', '--ttl', '1s');
  q.advance(100);
  await q.ok('submit', '--to', 'r', '--id', 'short', '--instructions', 'x');
  await q.ok('note', `plan: ${wide} ${reason}`, '--group', role);
  q.write('policy.json', JSON.stringify({ budgets: [{ role, usd: 1_000_000, per: 'day' }, { usd: 5 }] }));
  await q.ok('policy', 'apply', 'policy.json');
}
