import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test as plain } from 'vitest';
import { CostFile } from '../../src/app/worker/child/cost-file.ts';
import { CONCURRENT, LEASE, test, until } from './harness.ts';

const claude = {
  type: 'result',
  result: 'done',
  total_cost_usd: 0.031,
  usage: { input_tokens: 4, cache_creation_input_tokens: 100, cache_read_input_tokens: 1_000, output_tokens: 20 },
};
const codex = [
  { type: 'thread.started', thread_id: 't' },
  { type: 'turn.completed', usage: { input_tokens: 26_549, cached_input_tokens: 22_272, output_tokens: 1_590 } },
];
const lines = (...values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

describe('a cost file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentq-cost-'));
  const path = join(folder, 'cost.json');
  const readFrom = (make: (path: string) => void) => {
    rmSync(path, { force: true, recursive: true });
    make(path);
    const file = new CostFile(path);
    file.read();
    return { cost: file.cost, problem: file.problem };
  };

  plain.for([
    ['its own form', '{"usd":0.12,"tokens":5300}\n', { usd: 0.12, tokens: 5_300 }],
    ['only one of both, over several lines', '{\n  "tokens": 7\n}', { tokens: 7 }],
    ['what Claude Code prints', lines(claude), { usd: 0.031, tokens: 1_124 }],
    [
      'what Claude Code prints with --verbose',
      JSON.stringify([{ type: 'system' }, claude]),
      { usd: 0.031, tokens: 1_124 },
    ],
    ['what Codex prints', lines(...codex), { tokens: 28_139 }],
    ['a last line that is still being written', `${lines({ usd: 1 }, { usd: 2 })}{"usd":`, { usd: 2 }],
    ['the end of a large file', lines({ text: 'x'.repeat(2_000_000) }, { usd: 3 }), { usd: 3 }],
    ['no report yet', '', undefined],
  ] as const)('%s is a report', ([, text, cost]) => {
    expect(readFrom((file) => writeFileSync(file, text))).toEqual({ cost, problem: undefined });
  });

  plain.for([
    ['no JSON', 'twelve cents', /contains no report/],
    ['text instead of numbers', '{"usd":"0.12"}', /contains no report/],
    ['an infinite number', '{"usd":1e999}', /contains no report/],
    ['a negative number', '{"usd":-1}', /usd must not be negative/],
    ['half a token', '{"tokens":0.5}', /tokens/],
  ] as const)('%s is a problem', ([, text, problem]) => {
    expect(readFrom((file) => writeFileSync(file, text))).toEqual({
      cost: undefined,
      problem: expect.stringMatching(problem) as string,
    });
  });

  plain('a link, a folder or a missing file is not read', () => {
    const other = join(folder, 'other');
    writeFileSync(other, '{"usd":1}');
    expect(readFrom((file) => symlinkSync(other, file))).toEqual({ cost: undefined, problem: 'it is a link' });
    expect(readFrom((file) => mkdirSync(file)).problem).toBe('it is not a regular file');
    expect(readFrom(() => {})).toEqual({ cost: undefined, problem: undefined });
  });

  plain('a later report replaces an earlier one, and an invalid one does not', () => {
    rmSync(path, { force: true, recursive: true });
    const file = new CostFile(path);
    const told = ['{"usd":1}', '{"usd":1}\n', '{"usd":2}\n\n', 'oops'].map((text) => {
      writeFileSync(path, text);
      return [file.read(), file.cost?.usd];
    });
    expect(told).toEqual([
      [true, 1],
      [false, 1],
      [true, 2],
      [false, 2],
    ]);
    expect(file.problem).toMatch(/contains no report/);
    rmSync(folder, { recursive: true });
  });
});

describe('the cost of a child', CONCURRENT, () => {
  test('is reported while it runs, and at each end of an attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '3');
    const worker = q.work(
      `
      case "$AGENTQ_ATTEMPT" in
        1) echo '{"usd":0.1,"tokens":10}' > "$AGENTQ_COST_FILE"; until_there go; echo '{"usd":0.2}' > "$AGENTQ_COST_FILE"; exit 1 ;;
        2) echo '{"usd":0.3}' > "$AGENTQ_COST_FILE"; exit 75 ;;
        3) echo '{"usd":0.4}' > "$AGENTQ_COST_FILE"; echo 'cannot say' ;;
      esac`,
      '--until-empty',
      '--lease',
      LEASE,
    );
    await until('the first report', async () => (await q.task(id)).attempts[0]?.cost?.usd === 0.1);
    q.write('go');
    await worker.finished();
    const task = await q.task(id);
    expect(task.attempts.map(({ outcome, cost }) => [outcome, cost])).toEqual([
      ['failed', { usd: 0.2, tokens: 10 }],
      ['deferred', { usd: 0.3 }],
      ['completed', { usd: 0.4 }],
    ]);
  });

  test('of a cancelled child is reported when it has stopped', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      `trap 'echo "{\\"usd\\":0.5}" > "$AGENTQ_COST_FILE"; exit 1' TERM; touch "$OUT/up"; while :; do sleep 0.1; done`,
    );
    await until('the child', () => q.has('up'));
    await q.ok('cancel', id);
    await worker.reported('cancelled');
    expect((await q.task(id)).attempts[0]).toMatchObject({ outcome: 'cancelled', cost: { usd: 0.5 } });
  });

  test('that is not valid is said in the log and by the worker, and changes no outcome', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = await q.workOff('echo "the disk failed"; echo much > "$AGENTQ_COST_FILE"; exit 3');
    const task = await q.task(id);
    expect(task).toMatchObject({ status: 'failed', reason: 'exit 3: the disk failed' });
    const said = /the cost in .*cost\.json is not valid: it contains no report/;
    expect((worker.stderr.match(new RegExp(said, 'g')) ?? []).length).toBe(1);
    expect(q.read(`.agentq/artifacts/${id}/1/log.txt`)).toMatch(
      new RegExp(`^the disk failed\\nagentq: ${said.source}.*\\n$`),
    );
  });

  test('above the budget of its task stops it while it runs', async ({ q }) => {
    const id = await q.submit('--budget-usd', '0.3');
    const worker = q.work(
      `echo '{"usd":0.2}' > "$AGENTQ_COST_FILE"; until_there go; echo '{"usd":0.5}' > "$AGENTQ_COST_FILE"; sleep 600`,
      '--lease',
      LEASE,
    );
    await until('the first report', async () => (await q.task(id)).attempts[0]?.cost?.usd === 0.2);
    q.write('go');
    await worker.reported('cancelled', { task_id: id });
    expect(await q.task(id)).toMatchObject({
      status: 'cancelled',
      cancelled_by: 'budget',
      attempts: [{ outcome: 'cancelled', cost: { usd: 0.5 } }],
    });
  });
});
