import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { guides } from '../../src/cli/output/report/guides.ts';
import { type Ran, type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** The commands of a guide: the lines that begin with two spaces. */
const commandsOf = (guide: string) =>
  guide.split('\n').flatMap((line) => (line.startsWith('  agentq ') ? [line.slice('  agentq '.length)] : []));

/** An agent that knows only its guide: it runs the lines of the guide, with its own words for the capitals. */
class Agent {
  readonly #q: Shell;
  readonly #lines: readonly string[];
  readonly unused: Set<string>;

  constructor(q: Shell, guide: string) {
    this.#q = q;
    this.#lines = commandsOf(guide);
    this.unused = new Set(this.#lines);
  }

  /** Runs the line with this beginning, and with this end. */
  run(line: string, words: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const whole = this.#lines.find((one) => one === line);
    if (whole === undefined) throw new Error(`the guide has no line: ${line}`);
    this.unused.delete(whole);
    return this.#q.run(
      ...whole
        .split(' ')
        .map((word) => word.replace(/\b(?:ID|ROLE|NAME|TEXT|FILE|CURSOR|N)\b/, (name) => words[name] ?? name)),
    );
  }
}

describe('guide', () => {
  for (const reader of ['coordinator', 'worker'] as const) {
    test(`${reader} is short, and the same as JSON`, async ({ bare }) => {
      const { bytes } = await bare.run('guide', reader);
      expect(bytes.length).toBeLessThanOrEqual(1_800);
      expect(bytes.toString()).toBe(guides[reader]);
      expect((await bare.json('guide', reader)).text).toBe(guides[reader]);
    });
  }

  test('has all that a coordinator and a worker need for their work', async ({ q }) => {
    const boss = new Agent(q.with({ env: { AGENTQ_AGENT: 'boss' } }), guides.coordinator);
    const worker = new Agent(q.with({ env: { AGENTQ_AGENT: 'agent-7' } }), guides.worker);
    const ok = async (ran: Promise<Ran>, expected = 0) => {
      const { code, stdout, stderr } = await ran;
      expect({ code, stderr: code === expected ? '' : stderr }).toEqual({ code: expected, stderr: '' });
      return stdout;
    };
    const json = async (ran: Promise<Ran>, expected = 0) => JSON.parse(await ok(ran, expected));
    const CLAIM = 'claim --as ROLE --wait 30s --compact';
    const me = { ROLE: 'r' };
    /** @returns its words for the task that it has claimed */
    const claim = async () => {
      const claimed = await json(worker.run(CLAIM, me));
      return {
        claimed,
        words: { ID: claimed.task_id, N: String(claimed.attempt), TEXT: 'said', FILE: q.path('out.md') },
      };
    };
    q.write('out.md', 'found two risks\n');

    // The coordinator keeps its plan and submits; a repeat is harmless.
    await ok(boss.run('note TEXT', { TEXT: 'plan: review it' }));
    const report = { ROLE: 'r', ID: 'report-1', TEXT: 'review it' };
    for (let i = 0; i < 2; i++)
      await ok(boss.run('submit --to ROLE --id ID --instructions TEXT --expect report', report));
    const rows = ['plain', 'named', 'flaky', 'hopeless', 'unwanted', 'late'].map((ID) =>
      guides.coordinator
        .match(/\{"to".*\}/)![0]
        .replace('ROLE', 'r')
        .replace('"ID"', `"${ID}"`),
    );
    await ok(boss.run('submit --batch FILE', { FILE: q.write('rows.jsonl', rows.join('\n')) }));

    // The worker delivers what is expected.
    const first = await claim();
    expect(first.claimed).toMatchObject({ task_id: 'report-1', expected_output: { artifacts: ['report'] } });
    await ok(worker.run('progress ID --attempt N --percent 40 --note TEXT', first.words));
    expect(await ok(worker.run('brief'))).toContain('report-1');
    const COMPLETE = 'complete ID --attempt N --summary TEXT';
    expect((await worker.run(COMPLETE, first.words)).code).toBe(15);
    mkdirSync(first.claimed.artifacts_dir, { recursive: true });
    writeFileSync(join(first.claimed.artifacts_dir, 'report.md'), 'the report');
    writeFileSync(first.claimed.result_file, 'the result');
    for (let i = 0; i < 2; i++) await ok(worker.run(COMPLETE, first.words));

    // The coordinator learns of it once, and reads it.
    const WAIT = 'wait --any --from me --compact --timeout 10m';
    const told = await json(boss.run(WAIT));
    expect(told).toMatchObject({ pending: 6, tasks: [{ task_id: 'report-1', status: 'completed' }] });
    expect(await ok(boss.run('result ID', { ID: 'report-1' }))).toBe('the result');
    expect(await ok(boss.run('result ID --artifact report', { ID: 'report-1' }))).toBe('the report');

    // Tasks end in every way.
    await ok(worker.run(COMPLETE, (await claim()).words));
    const FILES = 'complete ID --attempt N --summary TEXT --result-file FILE --artifact report=FILE';
    await ok(worker.run(FILES, (await claim()).words));
    await ok(worker.run('fail ID --attempt N --reason TEXT --retry', (await claim()).words));
    await ok(worker.run('fail ID --attempt N --reason TEXT', (await claim()).words));
    const unwanted = await claim();
    await ok(boss.run('cancel ID --reason TEXT', unwanted.words));
    expect((await worker.run('progress ID --attempt N --percent 40 --note TEXT', unwanted.words)).code).toBe(5);
    await ok(worker.run('release ID --attempt N --reason TEXT', (await claim()).words));
    const news = await json(boss.run(`${WAIT} --since CURSOR`, { CURSOR: told.cursor }), 6);
    expect(news.tasks.map((task: any) => [task.task_id, task.status])).toEqual([
      ['plain', 'completed'],
      ['named', 'completed'],
      ['hopeless', 'failed'],
      ['unwanted', 'cancelled'],
    ]);

    // The dead letter is queued again, and dropped at last; a result that is not good enough is done again.
    const hopeless = { ID: 'hopeless' };
    expect(await json(boss.run('dlq show ID --compact', hopeless))).toMatchObject({ reason: 'said' });
    await ok(boss.run('dlq retry ID', hopeless));
    await ok(boss.run('redo ID --reason TEXT', { ID: 'plain', TEXT: 'no tests' }));
    q.advance(60);
    for (let open = 4; open > 0; open--) {
      const { claimed, words } = await claim();
      if (claimed.task_id === 'flaky') expect(claimed.previous_failures).toMatchObject([{ reason: 'said' }]);
      const line = claimed.task_id === 'hopeless' ? 'fail ID --attempt N --reason TEXT' : COMPLETE;
      await ok(worker.run(line, words));
    }
    await ok(boss.run('dlq purge ID', hopeless));
    const rest = await json(boss.run(`${WAIT} --since CURSOR`, { CURSOR: news.cursor }), 6);
    const again = rest.tasks.map((task: any) => task.task_id as string);
    expect(again.toSorted()).toEqual(['flaky', 'hopeless', 'late', 'plain']);
    expect((await boss.run(`${WAIT} --since CURSOR`, { CURSOR: rest.cursor })).code).toBe(9);

    // Both look around.
    expect(await json(boss.run('list --from NAME --open --compact', { NAME: 'boss' }))).toEqual({ tasks: [] });
    expect(await json(boss.run('show ID --compact', { ID: 'plain' }))).toMatchObject({ task: { status: 'completed' } });
    expect(await ok(boss.run('brief'))).toMatch(/plan: review it[^]*new results/);
    q.clock.drift = 10_000;
    expect((await worker.run(CLAIM, me)).code).toBe(9);
    expect({ boss: [...boss.unused], worker: [...worker.unused] }).toEqual({ boss: [], worker: [] });
  });
});
