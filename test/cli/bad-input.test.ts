import { mkdirSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { exitCodes } from '../../src/cli/errors/exit-codes.ts';
import { AgentqError } from '../../src/core/errors.ts';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** Creates a task `task-1`, a folder `folder` and the files `context.md` and `bad.jsonl`. */
async function prepare(q: Shell): Promise<void> {
  await q.submit('task-1');
  mkdirSync(q.path('folder'));
  q.write('context.md', 'background');
  q.write('bad.jsonl', '{"to":"r","instructions":"fine"}\n{"to":\n');
}

const submit = (...more: string[]) => ['submit', '--to', 'r', '--instructions', 'x', ...more];

type Case = readonly [what: string, code: keyof typeof exitCodes, args: readonly string[], message?: RegExp];
/** Errors that must contain a hint. */
const hinted: readonly Case[] = [
  ['a role with a blank', 'invalid-name', ['submit', '--to', 'a b', '--instructions', 'x'], /--to/],
  ['a role that leaves its folder', 'invalid-name', ['submit', '--to', '../r', '--instructions', 'x'], /--to/],
  ['a role to claim for with a slash', 'invalid-name', ['claim', '--as', 'a/b'], /--as/],
  ['an id that leaves its folder', 'invalid-name', submit('--id', '../../etc/passwd'), /--id/],
  ['an artifact name that leaves its folder', 'invalid-name', submit('--expect', 'summary,../x'), /--expect/],
  [
    'an artifact name with a slash',
    'invalid-name',
    ['complete', 'task-1', '--from', 'r', '--artifact', 'a/b=context.md'],
    /"a\/b"/,
  ],
  [
    'a file that is missing',
    'unreadable-file',
    ['submit', '--to', 'r', '--file', 'missing.md'],
    /missing\.md does not exist/,
  ],
  ['a file that is a folder', 'unreadable-file', ['submit', '--to', 'r', '--file', 'folder'], /folder is a directory/],
  [
    'a file whose reading fails',
    'unreadable-file',
    ['submit', '--to', 'r', '--file', '/proc/self/mem'],
    /cannot be read/,
  ],
  ['a batch that is missing', 'unreadable-file', ['submit', '--batch', 'missing.jsonl'], /missing\.jsonl/],
  ['a batch that is a folder', 'unreadable-file', ['submit', '--batch', 'folder'], /folder/],
  ['an envelope over 64 KiB', 'too-large', ['submit', '--to', 'r', '--instructions', 'x'.repeat(65_536)], /65536/],
  ['bad JSON in a batch', 'bad-batch', ['submit', '--batch', 'bad.jsonl'], /invalid rows: 1 of 2/],
  ['a TTL of zero', 'usage', submit('--ttl', '0'), /--ttl/],
  ['an unknown option', 'usage', submit('--colour', 'red'), /unknown option '--colour'/],
  ['an option that is nearly right', 'usage', submit('--prioritty', 'low'), /--priority/],
  ['an unknown command', 'usage', ['sumbit'], /submit/],
  ['an unknown command with --help', 'usage', ['sumbit', '--help'], /unknown command 'sumbit'.*submit/],
  ['help for an unknown command', 'usage', ['help', 'sumbit'], /unknown command 'sumbit'/],
  ['an unknown id', 'not-found', ['status', 'task-2'], /"task-2"/],
  ['an unknown id that is a path', 'not-found', ['result', '../../etc/passwd'], /passwd/],
  ['an unknown id to complete', 'not-found', ['complete', 'task-2', '--from', 'r'], /"task-2"/],
];

const others: readonly Case[] = [
  ['a role with a dot', 'invalid-name', ['submit', '--to', 'a.b', '--instructions', 'x'], /--to/],
  ['an empty role', 'invalid-name', ['submit', '--to', '', '--instructions', 'x'], /--to/],
  ['a role that is too long', 'invalid-name', ['submit', '--to', 'r'.repeat(65), '--instructions', 'x'], /at most 64/],
  ['a role to work for with a slash', 'invalid-name', ['work', '--as', 'a/b', '--', 'true'], /--as/],
  ['an id that is absolute', 'invalid-name', submit('--id', '/etc/passwd'), /--id/],
  ['an id with two dots', 'invalid-name', submit('--id', 'a..b'), /--id/],
  ['a hidden id', 'invalid-name', submit('--id', '.hidden'), /--id/],
  ['an id with a line end', 'invalid-name', submit('--id', 'a\nb'), /--id/],
  ['an id with a NUL', 'invalid-name', submit('--id', 'a\0b'), /--id/],
  ['an agent name with a blank', 'invalid-name', submit('--from', 'a b'), /--from/],
  ['a type with a slash', 'invalid-name', submit('--type', 'a/b'), /--type/],
  ['a reply queue with a blank', 'invalid-name', submit('--reply-to', 'a b'), /--reply-to/],
  ['a file below a file', 'unreadable-file', ['submit', '--to', 'r', '--file', 'context.md/x'], /does not exist/],
  ['a file that is a device', 'unreadable-file', ['submit', '--to', 'r', '--file', '/dev/null'], /not a regular file/],
  ['an empty path', 'usage', ['submit', '--to', 'r', '--file', ''], /the path is empty/],
  [
    'an envelope over 64 KiB beside a file',
    'too-large',
    submit('--file', 'context.md', '--format', 'x'.repeat(65_536)),
    /65536/,
  ],
  ['a TTL of zero in another unit', 'usage', submit('--ttl', '0h'), /--ttl/],
  ['an invalid TTL', 'usage', submit('--ttl', 'soon'), /--ttl .*is not a duration: "soon"/],
  ['a negative TTL', 'usage', submit('--ttl=-5m'), /--ttl/],
  ['a TTL in an unknown unit', 'usage', submit('--ttl', '5y'), /--ttl/],
  ['an invalid delay', 'usage', submit('--delay', 'later'), /--delay .*is not a duration: "later"/],
  ['an invalid time', 'usage', submit('--at', 'tomorrow'), /--at/],
  ['a time without a time zone', 'usage', submit('--at', '2027-03-01T12:00:00'), /--at/],
  ['a day that does not exist', 'usage', submit('--at', '2027-02-30T12:00:00Z'), /--at/],
  ['a delay and a time', 'usage', submit('--delay', '1m', '--at', '2027-04-01T00:00:00Z'), /contradict each other/],
  ['an unknown priority', 'usage', submit('--priority', 'urgent'), /--priority is not one of low, normal, high/],
  ['zero attempts', 'usage', submit('--max-attempts', '0'), /--max-attempts/],
  ['attempts that are not a number', 'usage', submit('--max-attempts', 'many'), /--max-attempts/],
  ['an empty idempotency key', 'usage', submit('--idempotency-key', ''), /--idempotency-key/],
  ['an idempotency key that is too long', 'usage', submit('--idempotency-key', 'k'.repeat(201)), /--idempotency-key/],
  ['no role', 'usage', ['submit', '--instructions', 'x'], /who is to do it/],
  ['no instructions and no context', 'usage', ['submit', '--to', 'r'], /no instructions and no context/],
  ['blank instructions', 'usage', ['submit', '--to', 'r', '--instructions', ' \n'], /no instructions and no context/],
  ['an option without its value', 'usage', ['submit', '--to'], /--to/],
  ['a missing batch file', 'unreadable-file', ['submit', '--batch', 'none.jsonl'], /none.jsonl does not exist/],
  ['an unknown command of the dead letters', 'usage', ['dlq', 'remove']],
  ['one argument too many', 'usage', ['status', 'task-1', 'task-2']],
  ['no argument where one is needed', 'usage', ['result']],
  ['a lease of zero', 'usage', ['claim', '--as', 'r', '--lease', '0'], /--lease/],
  ['an attempt that is not a number', 'usage', ['complete', 'task-1', '--attempt', 'last'], /--attempt/],
  ['an unknown output', 'usage', ['schema', 'sumbit'], /sumbit/],
];

for (const one of [...hinted, ...others]) {
  const [what, code, args, message = /./] = one;
  test(`${what} ends with one line on stderr and exit code ${exitCodes[code]}, and changes nothing`, async ({ q }) => {
    await prepare(q);
    const before = await q.json('show', 'task-1');
    const { code: exit, stdout, stderr } = await q.run(...args);
    expect({ exit, stdout, stderr }).toMatchObject({ exit: exitCodes[code], stdout: '' });
    const lines = stderr.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.pop()).toMatch(/^agentq: ./);
    expect(lines.every((line) => /^row \d+: /.test(line))).toBe(true);
    expect(stderr).toMatch(message);
    expect(q.stored()).toEqual([]);
    expect((await q.json('list')).tasks).toMatchObject([{ task_id: 'task-1' }]);
    expect(await q.json('show', 'task-1')).toEqual(before);
  });

  if (!hinted.includes(one)) continue;

  test(`${what} comes with a hint`, async ({ q }) => {
    await prepare(q);
    const { code: name, message, hint } = await q.refused(...args);
    expect({ name, message, hint }).toMatchObject({ name: code, hint: expect.stringMatching(/./) });
  });
}

describe('the hint', () => {
  test('for an envelope that is too large names --file', async ({ q }) => {
    const ran = await q.refused('submit', '--to', 'r', '--instructions', 'x'.repeat(70_000));
    expect(ran.hint).toContain('--file');
  });

  test('for an unknown id names similar ids', async ({ q }) => {
    await q.submit('task-123');
    expect((await q.refused('status', 'task-124')).hint).toBe('did you mean task-123?');
  });

  test('for bad JSON in a batch comes after the number of the row', async ({ q }) => {
    await prepare(q);
    expect((await q.run('submit', '--batch', 'bad.jsonl')).stderr).toMatch(/^row 2: not JSON/);
  });

  test('for a missing workspace names agentq init', async ({ bare }) => {
    expect((await bare.refused('status')).hint).toContain('agentq init');
  });

  test.for([
    ['other', 'other'],
    ["the user's", "'the user'\\''s'"],
  ] as const)('repeats --dir %s in the commands that it names', async ([folder, quoted], { q }) => {
    await q.ok('init', '--dir', folder);
    for (const line of [
      ['status', 'nothing', '--dir', folder],
      ['--dir', folder, 'status', 'nothing'],
    ])
      expect((await q.refused(...line)).hint).toBe(`agentq --dir ${quoted} list prints the tasks`);
    expect((await q.refused('status', 'nothing')).hint).toBe('agentq list prints the tasks');
    expect((await q.refused('prune', '--dir', folder)).hint).toBe(
      `agentq --dir ${quoted} prune --older-than 30d --dry-run`,
    );
    const there = (...args: string[]) => q.run(...args, '--dir', folder);
    expect((await there('status')).stderr).toBe(
      `nothing has been submitted yet: agentq --dir ${quoted} submit --help\n`,
    );
    await there('submit', '--to', 'r', '--id', 't', '--instructions', 'see agentq list');
    await there('complete', 't', '--from', 'r', '--summary', 'agentq list', '--artifact', `a=${q.write('a', 'x')}`);
    expect((await there('wait', 't')).stderr).toMatch(/agentq list; 1 artifact: agentq --dir .* result t\n$/);
    await there('submit', '--to', 's', '--id', 'u', '--instructions', 'x');
    q.clock.advance(15 * 60_000);
    const work = `agentq --dir ${quoted} work --as s`;
    expect((await there('doctor')).stdout).toContain(work);
    expect((await there('doctor', '--json')).json().findings).toContainEqual(
      expect.objectContaining({ problem: expect.stringContaining(work) }),
    );
  });

  test.for<[string, ...string[]]>([
    ['(see: agentq help submit)', 'submit', '--bogus'],
    ['(see: agentq help submit)', 'submit', '--to', 'r', '--instructions', 'x', '--priority', 'urgent'],
    ['(give --to ROLE; see: agentq help submit)', 'submit'],
    ['(see: agentq help dlq retry)', '--dir', '.', 'dlq', 'retry', '--bogus'],
    ['(see: agentq help claim)', 'claim'],
    ['(see: agentq help)', 'sumbit'],
    ['(did you mean task-1?)', 'status', 'task-2'],
  ])('points to the help of the command unless it says what to read: %s', async ([hint, ...args], { q }) => {
    await q.submit('task-1');
    const { stderr } = await q.run(...args);
    expect(stderr.trimEnd().endsWith(hint)).toBe(true);
    q.write('.agentq/config.json', '{');
    expect((await q.refused('list')).hint).toBe('correct the file: docs/config.md');
  });

  test('for a secret names only options of the command', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    const unknown: string[] = [];
    for (const [verb, ...args] of [
      ['progress', '--note'],
      ['cancel', '--reason'],
      ['redo', '--reason'],
      ['release', '--from', 'r', '--reason'],
    ] as const) {
      const { hint = '' } = await q.refused(verb, 't', ...args, ['AKIA', 'ABCDEFGHIJKLMNOP'].join(''));
      const help = await q.ok(verb, '--help');
      for (const [option] of hint.matchAll(/--[a-z-]+/g)) if (!help.includes(option)) unknown.push(`${verb} ${option}`);
    }
    expect(unknown).toEqual([]);
  });
});

test('a limit in bytes counts the bytes of multi-byte characters', async ({ q }) => {
  expect((await q.refused('submit', '--to', 'r', '--instructions', '€'.repeat(30_000))).exit).toBe(13);
});

test('an envelope just under 64 KiB is accepted', async ({ q }) => {
  const { code } = await q.run('submit', '--to', 'r', '--instructions', 'x'.repeat(65_000));
  expect(code).toBe(0);
});

test('an option and its value can be joined by an equals sign', async ({ q }) => {
  expect(await q.ok('submit', '--to=r', '--id=t', '--instructions=x')).toBe('t');
});

test('a value that begins with a dash can be joined by an equals sign', async ({ q }) => {
  await q.submit('t');
  await q.ok('fail', 't', '--from', 'r', '--reason=-V');
  expect((await q.task('t')).reason).toBe('-V');
});

test('every error code has its own exit code', () => {
  const codes = Object.values(exitCodes);
  expect(new Set(codes).size).toBe(codes.length);
  expect(new AgentqError('usage', 'x').code in exitCodes).toBe(true);
  for (const code of codes) expect(code).toBeGreaterThan(1);
});

test('an option with one value is refused the second time, and lists collect', async ({ q }) => {
  const twice = [
    submit('--to', 'r2'),
    submit('--instructions', 'y'),
    submit('--file', 'a', '--file', 'b'),
    ['list', '--from', 'a', '--from', 'b'],
    ['status', '--to', 'a', '--to', 'b'],
    ['complete', 't', '--summary', 'a', '--summary', 'b'],
    ['dlq', 'retry', '--all', '--from', 'a', '--from', 'b'],
    ['--dir', 'a', '--dir', 'b', 'list'],
  ];
  for (const args of twice)
    expect(await q.refused(...args)).toMatchObject({
      exit: 2,
      message: expect.stringMatching(/^--\S+ is given more than once$/),
    });
  expect((await q.json('list')).tasks).toEqual([]);
  await q.submit('t', '--expect', 'a', '--expect', 'b,c');
  expect((await q.json('show', 't')).envelope.expected_output.artifacts).toEqual(['a', 'b', 'c']);
  expect((await q.json('list', '--status', 'failed', '--status', 'queued')).tasks).toHaveLength(1);
  expect(Object.keys((await q.json('list', '--fields', 'task_id', '--fields', 'to')).tasks[0])).toEqual([
    'task_id',
    'to',
  ]);
});
