import { mkdirSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { exitCodes } from '../../src/cli/errors/exit-codes.ts';
import { AgentqError } from '../../src/core/errors.ts';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** A task `task-1` is there, and a folder `folder`, and files `context.md`, `bad.jsonl`. */
async function prepare(q: Shell): Promise<void> {
  await q.submit('task-1');
  mkdirSync(q.path('folder'));
  q.write('context.md', 'background');
  q.write('bad.jsonl', '{"to":"r","instructions":"fine"}\n{"to":\n');
}

const submit = (...more: string[]) => ['submit', '--to', 'r', '--instructions', 'x', ...more];

type Case = readonly [what: string, code: keyof typeof exitCodes, args: readonly string[], says?: RegExp];
/** Those that must say in a hint what to do about them. */
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
  ['bad JSON in a batch', 'bad-batch', ['submit', '--batch', 'bad.jsonl'], /1 of 2 rows are invalid/],
  ['a TTL of zero', 'usage', submit('--ttl', '0'), /--ttl/],
  ['an unknown option', 'usage', submit('--colour', 'red'), /unknown option '--colour'/],
  ['an option that is nearly right', 'usage', submit('--prioritty', 'low'), /--priority/],
  ['an unknown command', 'usage', ['sumbit'], /submit/],
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
  ['a TTL that is none', 'usage', submit('--ttl', 'soon'), /--ttl .*is not a duration: "soon"/],
  ['a negative TTL', 'usage', submit('--ttl=-5m'), /--ttl/],
  ['a TTL in an unknown unit', 'usage', submit('--ttl', '5y'), /--ttl/],
  ['a delay that is none', 'usage', submit('--delay', 'later'), /--delay .*is not a duration: "later"/],
  ['a moment that is none', 'usage', submit('--at', 'tomorrow'), /--at/],
  ['a moment without a time zone', 'usage', submit('--at', '2027-03-01T12:00:00'), /--at/],
  ['a day that there is not', 'usage', submit('--at', '2027-02-30T12:00:00Z'), /--at/],
  ['a delay and a moment', 'usage', submit('--delay', '1m', '--at', '2027-04-01T00:00:00Z'), /contradict each other/],
  [
    'a priority that there is not',
    'usage',
    submit('--priority', 'urgent'),
    /--priority is not one of low, normal, high/,
  ],
  ['no attempts at all', 'usage', submit('--max-attempts', '0'), /--max-attempts/],
  ['attempts that are no number', 'usage', submit('--max-attempts', 'many'), /--max-attempts/],
  ['an empty idempotency key', 'usage', submit('--idempotency-key', ''), /--idempotency-key/],
  ['an idempotency key that is too long', 'usage', submit('--idempotency-key', 'k'.repeat(201)), /--idempotency-key/],
  ['nobody to do it', 'usage', ['submit', '--instructions', 'x'], /who is to do it/],
  ['nothing to do', 'usage', ['submit', '--to', 'r'], /no instructions and no context/],
  ['blank instructions', 'usage', ['submit', '--to', 'r', '--instructions', ' \n'], /no instructions and no context/],
  ['an option without its value', 'usage', ['submit', '--to'], /--to/],
  ['an unknown command of the dead letters', 'usage', ['dlq', 'burn']],
  ['one argument too many', 'usage', ['status', 'task-1', 'task-2']],
  ['no argument where one is needed', 'usage', ['result']],
  ['a lease of zero', 'usage', ['claim', '--as', 'r', '--lease', '0'], /--lease/],
  ['an attempt that is no number', 'usage', ['complete', 'task-1', '--attempt', 'last'], /--attempt/],
  ['an output that there is not', 'usage', ['schema', 'sumbit'], /sumbit/],
];

for (const one of [...hinted, ...others]) {
  const [what, code, args, says = /./] = one;
  test(`${what} is one line on stderr and exit code ${exitCodes[code]}, and nothing is half-written`, async ({ q }) => {
    await prepare(q);
    const before = await q.json('show', 'task-1');
    const { code: exit, stdout, stderr } = await q.run(...args);
    expect({ exit, stdout, stderr }).toMatchObject({ exit: exitCodes[code], stdout: '' });
    const lines = stderr.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.pop()).toMatch(/^agentq: ./);
    expect(lines.every((line) => /^row \d+: /.test(line))).toBe(true);
    expect(stderr).toMatch(says);
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
  test('of an envelope that is too large is --file', async ({ q }) => {
    const ran = await q.refused('submit', '--to', 'r', '--instructions', 'x'.repeat(70_000));
    expect(ran.hint).toContain('--file');
  });

  test('of an unknown id is the ids that are near', async ({ q }) => {
    await q.submit('task-123');
    expect((await q.refused('status', 'task-124')).hint).toBe('did you mean task-123?');
  });

  test('of bad JSON in a batch is preceded by the number of the row', async ({ q }) => {
    await prepare(q);
    expect((await q.run('submit', '--batch', 'bad.jsonl')).stderr).toMatch(/^row 2: not JSON/);
  });

  test('of a missing workspace is agentq init', async ({ bare }) => {
    expect((await bare.refused('status')).hint).toContain('agentq init');
  });

  test('of a secret names no option that the command does not have', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    const unknown: string[] = [];
    for (const [verb, ...args] of [
      ['progress', '--note'],
      ['cancel', '--reason'],
      ['release', '--from', 'r', '--reason'],
    ] as const) {
      const { hint = '' } = await q.refused(verb, 't', ...args, ['AKIA', 'ABCDEFGHIJKLMNOP'].join(''));
      const help = await q.ok(verb, '--help');
      for (const [option] of hint.matchAll(/--[a-z-]+/g)) if (!help.includes(option)) unknown.push(`${verb} ${option}`);
    }
    expect(unknown).toEqual([]);
  });
});

test('a limit of bytes is not passed over by characters of several bytes', async ({ q }) => {
  expect((await q.refused('submit', '--to', 'r', '--instructions', '€'.repeat(30_000))).exit).toBe(13);
});

test('an envelope just under 64 KiB is taken', async ({ q }) => {
  const { code } = await q.run('submit', '--to', 'r', '--instructions', 'x'.repeat(65_000));
  expect(code).toBe(0);
});

test('an option and its value given with a sign of equality are taken', async ({ q }) => {
  expect(await q.ok('submit', '--to=r', '--id=t', '--instructions=x')).toBe('t');
});

test('a word that begins with a dash can be given as a value with a sign of equality', async ({ q }) => {
  await q.submit('t');
  await q.ok('fail', 't', '--from', 'r', '--reason=-V');
  expect((await q.task('t')).reason).toBe('-V');
});

test('every code that an error can have is an exit code of its own', () => {
  const codes = Object.values(exitCodes);
  expect(new Set(codes).size).toBe(codes.length);
  expect(new AgentqError('usage', 'x').code in exitCodes).toBe(true);
  for (const code of codes) expect(code).toBeGreaterThan(1);
});
