import { writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import * as z from 'zod/mini';
import { inputs } from '../../src/cli/input/schemas.ts';
import { outputs } from '../../src/cli/output/schemas/outputs.ts';
import { fixtures, type Ran, type Shell, type Shells } from './harness.ts';
import { badTimes, strict } from './strict.ts';

const test = base.extend<Shells>(fixtures);

type Name = keyof typeof outputs;

/** Creates tasks in every status, with every kind of end, evidence, refusals and a retry. */
async function prepare(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  q.write('p.diff', 'patch');
  q.write('policy.json', '{"budgets":[{"role":"r","usd":1,"per":"day"},{"usd":5}]}');
  q.write('out.md', 'result');
  await q.submit('queued', '--ttl', '1h', '--priority', 'low');
  await q.submit('scheduled', '--delay', '1h');
  await q.submit('expired', '--ttl', '1s', '--priority', 'low');
  await q.submit('cancelled', '--priority', 'high');
  await q.claim();
  await q.ok('cancel', 'cancelled', '--reason', 'not needed');
  await q.ok('submit', '--to', 'r', '--id', 'completed', '--file', 'context.md', '--priority', 'high');
  const { artifacts_dir } = await q.claim('--worker', 'one');
  writeFileSync(`${artifacts_dir}/notes.txt`, 'notes');
  await q.ok('progress', 'completed', '--percent', '40', '--note', 'reading');
  await q.ok('release', 'completed', '--from', 'r');
  await q.claim('--worker', 'two', '--lease', '1s');
  q.advance(1);
  await q.claim('--worker', 'three');
  const done = ['complete', 'completed', '--attempt', '3', '--summary', 's', '--result-file', 'out.md'];
  await q.ok(...done, '--artifact', 'patch=p.diff');
  await q.run('complete', 'completed', '--attempt', '2', '--summary', 'late');
  await q.submit('redone', '--priority', 'high');
  await q.ok('complete', 'redone', '--from', 'r', '--result-file', 'out.md');
  await q.ok('redo', 'redone', '--reason', 'it lacks a part');
  await q.ok('complete', 'redone', '--attempt', (await q.claim()).attempt + '', '--empty');
  await q.submit('failed');
  await q.ok('fail', 'failed', '--from', 'r', '--reason', 'broken');
  await q.submit('purged');
  await q.ok('fail', 'purged', '--from', 'r', '--reason', 'broken');
  await q.ok('dlq', 'purge', 'purged');
  await q.submit('retried', '--priority', 'high');
  await q.claim();
  await q.ok('fail', 'retried', '--from', 'r', '--reason', 'flaky', '--retry');
  await q.submit('again');
  await q.ok('fail', 'again', '--from', 'r', '--reason', 'broken');
  await q.ok('dlq', 'retry', 'again');
  await q.submit('working', '--priority', 'high');
  await q.claim('--worker', 'four');
  await q.ok('progress', 'working', '--percent', '10', '--note', 'begun', '--cost-usd', '0.5');
  await q.ok('note', 'plan: two', '--as', 'lead');
  await q.ok('policy', 'apply', 'policy.json');
}

const ids = [
  'queued',
  'scheduled',
  'working',
  'completed',
  'redone',
  'failed',
  'cancelled',
  'expired',
  'retried',
  'again',
  'purged',
];

const BATCH = '{"to":"r","instructions":"one"}\n{"to":"r","instructions":"two"}';

/**
 * The command lines that print each output. `torture`, `snapshot`, `logs` and `note --remove` are checked where they run:
 * end-to-end.test.ts, rights.test.ts, logs.test.ts, note.test.ts.
 */
const commands: Record<
  Exclude<Name, 'torture' | 'error' | 'work' | 'snapshot' | 'logs' | 'note --remove'>,
  string[][]
> = {
  init: [['init']],
  submit: [
    ['submit', '--to', 'r', '--instructions', 'x'],
    ['submit', '--to', 'r', '--instructions', 'x', '--delay', '1h'],
    ['submit', '--to', 'r', '--id', 'failed', '--instructions', 'do failed'],
  ],
  'submit --batch': [['submit', '--batch', '-']],
  wait: [
    ['wait', 'completed'],
    ['wait', 'completed', 'failed', 'cancelled', 'expired'],
    ['wait', 'queued', 'completed', '--any'],
    ['wait', 'queued', '--timeout', '0'],
  ],
  status: [['status']],
  'status --stuck': [['status', '--stuck']],
  stats: [['stats'], ['stats', '--by', 'worker']],
  'status ID': ids.map((id) => ['status', id]),
  result: [
    ['result', 'completed'],
    ['result', 'completed', '--artifact', 'patch'],
  ],
  'result ID ID': [['result', 'completed', 'completed']],
  list: [['list'], ['list', '--limit', '3']],
  show: ids.map((id) => ['show', id]),
  guide: [
    ['guide', 'coordinator'],
    ['guide', 'worker'],
  ],
  brief: [['brief'], ['brief', '--as', 'four', '--max-tokens', '300']],
  inbox: [['inbox', '--keep'], ['inbox']],
  prune: [
    ['prune', '--older-than', '0', '--dry-run'],
    ['prune', '--older-than', '0'],
  ],
  cancel: [['cancel', 'queued', 'working', 'cancelled']],
  edit: [['edit', 'queued', '--priority', 'high']],
  redo: [['redo', 'completed', 'completed', '--reason', 'lost']],
  claim: [['claim', '--as', 'r']],
  progress: [
    ['progress', 'working'],
    ['progress', 'working', '--percent', '50', '--note', 'half'],
  ],
  complete: [['complete', 'working', '--from', 'r', '--summary', 's']],
  fail: [
    ['fail', 'working', '--from', 'r', '--reason', 'x'],
    ['fail', 'working', '--from', 'r', '--reason', 'x', '--retry'],
  ],
  release: [['release', 'working', '--from', 'r']],
  'note TEXT': [['note', 'plan: one', '--group', 'g', '--as', 'lead']],
  note: [['note'], ['note', '--from', 'lead']],
  'policy apply': [['policy', 'apply', 'policy.json']],
  policy: [['policy']],
  'policy show': [['policy', 'show']],
  dlq: [['dlq'], ['dlq', 'list']],
  'dlq show': [
    ['dlq', 'show', 'failed'],
    ['dlq', 'show', 'expired'],
  ],
  'dlq retry': [
    ['dlq', 'retry', '--all'],
    ['dlq', 'retry', 'failed'],
  ],
  'dlq purge': [
    ['dlq', 'purge', '--all'],
    ['dlq', 'purge', 'purged'],
  ],
  doctor: [['doctor']],
  backup: [
    ['backup', 'b.db'],
    ['backup', 'b.db', '--with-evidence'],
  ],
  restore: [['restore', '.agentq/agentq.db', '--force']],
};

function expectValid(name: Name, value: unknown): void {
  expect(z.safeParse(strict(outputs[name]), value).error?.issues ?? []).toEqual([]);
}

/** Standard output as JSON. Every output is one line. */
function onlyLine({ stdout }: Pick<Ran, 'stdout'>): unknown {
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout);
}

for (const [name, lines] of Object.entries(commands) as [Name, string[][]][]) {
  describe(`what agentq ${name} prints with --json`, () => {
    for (const line of lines) {
      test(`matches its schema: ${line.join(' ')}`, async ({ q }) => {
        await prepare(q);
        const value = onlyLine(await q.with({ stdin: BATCH }).run(...line, '--json'));
        expectValid(name, value);
        // Another test checks the events that `show` prints.
        expect(badTimes(name === 'show' ? { ...(value as object), events: [] } : value)).toEqual([]);
      });
    }
  });
}

describe('what agentq show prints with --json', () => {
  test('has every time in its events as ISO 8601 in UTC', async ({ q }) => {
    await prepare(q);
    for (const id of ids) expect(badTimes(await q.json('show', id))).toEqual([]);
  });
});

describe('what agentq doctor prints with --json', () => {
  test('matches its schema if doctor finds a problem', async ({ q }) => {
    await prepare(q);
    q.write('.agentq/tasks/completed.md', 'forged');
    const value = onlyLine(await q.run('doctor', '--json'));
    expectValid('doctor', value);
    expect(value).toMatchObject({ healthy: false });
  });
});

describe('what agentq status ID prints with --json', () => {
  test('matches its schema if evidence has drifted', async ({ q }) => {
    await prepare(q);
    q.write('.agentq/tasks/completed.md', 'forged');
    const value = onlyLine(await q.run('status', 'completed', '--json'));
    expectValid('status ID', value);
    expect(value).toMatchObject({ drift: [{ name: 'context' }] });
  });
});

describe('what agentq work prints with --json', () => {
  test('is one line for each event, which matches its schema', async ({ q }) => {
    await q.submit('good');
    await q.ok('submit', '--to', 'r', '--id', 'bad', '--instructions', 'x', '--max-attempts', '1');
    const script = 'test "$AGENTQ_TASK_ID" = good && echo done';
    const { code, stdout } = await q.run('work', '--as', 'r', '--until-empty', '--json', '--', '/bin/sh', '-c', script);
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) expectValid('work', line);
    expect(lines.map(({ task_id, event }) => `${task_id} ${event}`)).toEqual([
      'good started',
      'good completed',
      'bad started',
      'bad failed',
    ]);
  });
});

describe('an error with --json', () => {
  for (const [line, code] of [
    [['submit', '--to', 'a b', '--instructions', 'x'], 11],
    [['status', 'unknown'], 3],
    [['result', 'failed'], 6],
    [['result', 'expired'], 7],
    [['claim', '--as', 'no-such-role'], 9],
    [['inbox', '--as', 'no-such-role'], 9],
    [['submit', '--nonsense'], 2],
    [['nonsense'], 2],
    [['complete', 'completed', '--from', 'r', '--summary', 'other'], 4],
    [['progress', 'cancelled'], 5],
  ] as const) {
    test(`is one object on stderr, with an empty stdout: ${line.join(' ')}`, async ({ q }) => {
      await prepare(q);
      const { stdout, stderr, code: exit } = await q.run(...line, '--json');
      expect({ exit, stdout }).toEqual({ exit: code, stdout: '' });
      const value = onlyLine({ stdout: stderr });
      expectValid('error', value);
      expect(value).toMatchObject({ error: { exit: code } });
    });
  }

  test('is JSON also with --json before the command', async ({ q }) => {
    const { stderr } = await q.run('--json', 'status', 'unknown');
    const value = onlyLine({ stdout: stderr });
    expectValid('error', value);
    expect(value).toMatchObject({ error: { code: 'not-found' } });
  });
});

describe('agentq schema', () => {
  for (const name of Object.keys(outputs) as Name[]) {
    test(`prints the schema of ${name} that is tested here`, async ({ bare }) => {
      const schema = JSON.parse(await bare.ok('schema', name));
      const closed = JSON.stringify(z.toJSONSchema(outputs[name]));
      expect(schema).toEqual(JSON.parse(closed.replaceAll(/,"additionalProperties":false/g, '')));
      expect(JSON.stringify(schema)).not.toContain('"additionalProperties":false');
      expect(await bare.json('schema', name)).toEqual(schema);
    });
  }

  test('prints the schemas of the inputs, which refuse what agentq refuses', async ({ bare }) => {
    const row = await bare.json('schema', 'submit', '--batch', 'row');
    expect(row).toMatchObject({ additionalProperties: false, properties: { max_attempts: { type: 'integer' } } });
    expect(row.properties.expected_output.additionalProperties).toBe(false);
    expect(Object.keys(row.properties)).toEqual(Object.keys(inputs['submit --batch row'].shape));
    const config = await bare.json('schema', 'config');
    expect(config).toMatchObject({ required: ['version'], additionalProperties: false });
    expect(config.properties.roles.additionalProperties).toMatchObject({ properties: { lease: { type: 'string' } } });
    const envelope = await bare.json('schema', 'envelope');
    expect(envelope).toMatchObject({ required: ['task_id', 'to'], additionalProperties: {} });
    const message = await bare.json('schema', 'result message');
    expect(message).toMatchObject({ required: ['task_id', 'from', 'to', 'status'], additionalProperties: {} });
    const policy = await bare.json('schema', 'policy', 'apply', 'FILE');
    expect(policy).toMatchObject({ additionalProperties: false, properties: { budgets: { type: 'array' } } });
    const cost = await bare.json('schema', 'AGENTQ_COST_FILE');
    expect(cost.properties).toMatchObject({ usd: { type: 'number' }, tokens: { type: 'integer' } });
  });

  test('without a name lists all schemas', async ({ bare }) => {
    const names = [...Object.keys(outputs), ...Object.keys(inputs)];
    expect((await bare.ok('schema')).split('\n')).toEqual(names);
    expect(await bare.json('schema')).toEqual(names);
  });

  test('accepts a name of several words also as several arguments', async ({ bare }) => {
    expect(await bare.ok('schema', 'dlq show')).toBe(await bare.ok('schema', 'dlq', 'show'));
  });
});

test('every output is tested here', () => {
  const elsewhere = ['error', 'logs', 'note --remove', 'snapshot', 'torture', 'work'];
  expect([...Object.keys(commands), ...elsewhere].toSorted()).toEqual(Object.keys(outputs).toSorted());
});

describe('the strictness of these tests', () => {
  test('refuses a field that the schema does not name', () => {
    const value = { task_id: 't', status: 'queued', created: true };
    expect(z.safeParse(strict(outputs.submit), value).success).toBe(true);
    expect(z.safeParse(strict(outputs.submit), { ...value, more: 1 }).success).toBe(false);
  });

  test('finds an invalid time', () => {
    expect(
      badTimes({ a: [{ ends_at: 1 }], at: '2027-03-01T12:00:00+01:00', started_at: '2027-03-01T12:00:00.000Z' }),
    ).toEqual(['a.0.ends_at: 1', 'at: "2027-03-01T12:00:00+01:00"']);
  });
});
