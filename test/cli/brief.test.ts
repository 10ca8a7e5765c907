import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** The commands that a brief names. */
const commandsIn = (text: string) =>
  [...text.matchAll(/agentq ([a-z][^\n]*)/g)].map(([, line]) => line!.trim().split(' '));

async function prepare(q: Shell): Promise<void> {
  q.write('out.md', 'result');
  await q.submit('done', '--group', 'g');
  await q.submit('broken');
  await q.submit('running', '--priority', 'high');
  await q.submit('waiting');
  await q.submit('later', '--delay', '1h', '--group', 'g');
  await q.claim('--worker', 'agent-7');
  await q.ok('progress', 'running', '--percent', '40');
  await q.ok('complete', 'done', '--from', 'r', '--result-file', 'out.md', '--summary', 'two risks');
  await q.ok('fail', 'broken', '--from', 'r', '--reason', 'no compiler');
}

describe('brief', () => {
  test('begins with the notes: the plan', async ({ q }) => {
    const id = await q.ok('note', 'plan: first the parser,\nthen the tests', '--group', 'g');
    q.advance(1);
    await q.ok('note', 'of another', '--as', 'other', '--group', 'g');
    expect(await q.ok('brief')).toBe(
      [
        'brief of coordinator: 1 note, nothing is open, and nothing has come back',
        'notes: 1',
        `  ${id} g: plan: first the parser,\u240athen the tests`,
      ].join('\n'),
    );
    const { counts, notes } = await q.json('brief', '--group', 'g');
    expect({ counts: counts.notes, texts: notes.notes.map(({ text }: { text: string }) => text).toSorted() }).toEqual({
      counts: 2,
      texts: ['of another', 'plan: first the parser,\nthen the tests'],
    });
  });

  test('says to a worker without a name what it holds', async ({ q }) => {
    await q.submit('t', '--from', 'lead');
    await q.ok('claim', '--as', 'r');
    const { counts, holds, next } = await q.json('brief', '--as', 'r');
    expect({ counts: counts.holds, id: holds.tasks[0].task_id }).toEqual({ counts: 1, id: 't' });
    expect(next).toContain('agentq show t');
  });

  test('says to a coordinator what is open, what has come back and what is next, each with its id', async ({ q }) => {
    await prepare(q);
    expect(await q.ok('brief', '--as', 'coordinator')).toBe(
      [
        'brief of coordinator: 2 new results, 1 dead letter, 1 working, 1 queued, 1 scheduled',
        'next:',
        '  agentq inbox --as coordinator',
        '  agentq dlq show broken',
        '  agentq wait --any --from coordinator --compact --timeout 30m',
        'new results: 2',
        '  done r completed: two risks',
        '  broken r failed: no compiler',
        'dead letters: 1',
        '  broken r: no compiler',
        'working: 1',
        '  running r by agent-7 40% lease ends in 5m: do running',
        'queued: 1',
        '  waiting r: do waiting',
        'scheduled: 1',
        '  later r due in 1h: do later',
      ].join('\n'),
    );
    const grouped = await q.json('brief', '--group', 'g');
    expect(grouped.counts).toEqual({ notes: 0, holds: 0, results: 1, dead: 0, working: 0, queued: 0, scheduled: 1 });
    // What was collected is no longer new.
    await q.ok('inbox');
    expect((await q.json('brief')).counts).toMatchObject({ results: 0, dead: 1 });
  });

  test('says to a worker which tasks it holds', async ({ q }) => {
    await prepare(q);
    expect(await q.ok('brief', '--as', 'agent-7')).toBe(
      [
        'brief of agent-7: 1 held',
        'next:',
        '  agentq show running',
        '  agentq complete running --attempt 1 --summary TEXT',
        'you work on: 1',
        '  running attempt 1 40% lease ends in 5m: do running',
      ].join('\n'),
    );
    expect(await q.ok('brief', '--as', 'unknown')).toMatch(
      /^brief of unknown: nothing is open, and nothing has come back\nopen tasks of others: coordinator 3 /,
    );
  });

  test('names the agents with open tasks to one that has none: it may have forgotten its name', async ({ q }) => {
    for (const [id, from] of [
      ['a', 'lead'],
      ['b', 'lead'],
      ['c', 'boss'],
    ])
      await q.submit(id!, '--from', from!);
    expect(await q.ok('brief')).toMatch(
      /nothing has come back\nopen tasks of others: lead 2, boss 1 \(agentq brief --as NAME\)$/,
    );
    expect((await q.json('brief')).others).toEqual([
      { agent: 'lead', open: 2 },
      { agent: 'boss', open: 1 },
    ]);
    const waited = await q.run('wait', '--any', '--from', 'me');
    expect({ code: waited.code, said: waited.stderr }).toEqual({
      code: 9,
      said: 'no task is open; of lead: 2; of boss: 1\n',
    });
  });

  test('says who has cancelled a task and why, as the inbox does', async ({ q }) => {
    await q.submit('t', '--budget-usd', '1');
    await q.claim('--worker', 'w1');
    await q.run('progress', 't', '--attempt', '1', '--cost-usd', '1.4', '--from', 'w1');
    expect(await q.ok('brief')).toMatch(/t r cancelled: by budget: .*\$1\.40 of \$1/);
    expect(await q.ok('inbox', '--keep')).toMatch(/^t  cancelled  budget  .*\$1\.40 of \$1/);
    expect((await q.json('inbox')).messages).toMatchObject([{ from: 'r', by: 'budget' }]);
  });

  test('names only commands that work', async ({ q }) => {
    await prepare(q);
    for (let i = 0; i < 40; i++) await q.submit(`more-${i}`);
    const text = await q.ok('brief', '--max-tokens', '250');
    const commands = commandsIn(text);
    expect(commands.some(([verb]) => verb === 'list')).toBe(true);
    // One of the tasks has failed, so wait ends with 6.
    for (const line of commands)
      expect({ line, code: (await q.run(...line)).code }).toEqual({ line, code: line[0] === 'wait' ? 6 : 0 });
  });

  test('is never longer than asked, and says how much it leaves out', async ({ q }) => {
    const me = 'coordinator-'.padEnd(128, 'x');
    const boss = q.with({ env: { AGENTQ_AGENT: me } });
    const wide = '\u{1f469}\u200d\u{1f680} 査読して\u0007 報告する '.repeat(4);
    const rows = Array.from({ length: 1_030 }, (_, i) =>
      JSON.stringify({ task_id: `${i}-`.padEnd(128, 't'), to: 'r'.repeat(64), instructions: wide }),
    );
    await boss.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
    await boss.run('cancel', ...rows.slice(0, 30).map((_, i) => `${i}-`.padEnd(128, 't')));
    for (const tokens of [150, 800, 3_000]) {
      for (const form of [[], ['--json'], ['--compact']]) {
        const { code, bytes } = await boss.run('brief', '--max-tokens', String(tokens), ...form);
        expect({ tokens, form, code, fits: bytes.length <= tokens * 3 }).toEqual({ tokens, form, code: 0, fits: true });
        // Long names leave little room: most of it is used.
        if (tokens >= 800 && form.length === 0) expect(bytes.length).toBeGreaterThan(tokens * 2);
      }
    }
    const { counts, queued } = await boss.json('brief');
    expect(counts).toMatchObject({ queued: 1_000, results: 30 });
    expect(queued.left_out + queued.tasks.length).toBe(1_000);
    expect((await boss.refused('brief', '--max-tokens', '10')).exit).toBe(2);
  });
});
