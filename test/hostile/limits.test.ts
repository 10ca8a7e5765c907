import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, truncateSync } from 'node:fs';
import { once } from 'node:events';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import * as limits from '../../src/core/limits.ts';
import { openServices } from '../../bench/services.ts';
import { ended, PROGRAM, runProgram, startScript } from './support/program.ts';

const test = base.extend<Shells>(fixtures);

const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels);
const row = (id: string, extra: string) =>
  `{"to":"r","task_id":"${id}","instructions":"x","expected_output":{"format":${extra}}}\n`;

/** The number of tasks in the queue. */
const stored = async (q: Shell) => (await q.json('list')).tasks.length;

describe('a batch', () => {
  for (const [what, extra] of [
    ['arrays', nested(1_500)],
    ['objects', `${'{"a":'.repeat(1_500)}1${'}'.repeat(1_500)}`],
    ['one level too many', nested(limits.MAX_DEPTH + 1)],
    ['half a million levels', nested(500_000)],
    ['half a surrogate pair', '"a\\ud800b"'],
    ['half a surrogate pair in the name of a field', '{"\\udfff":1}'],
  ] as const) {
    test(`with a row of ${what} is refused completely`, async ({ q }) => {
      q.write('b.jsonl', row('fine', '"md"') + row('odd', extra));
      expect(await q.refused('submit', '--batch', 'b.jsonl')).toMatchObject({ code: 'bad-batch' });
      const { stderr } = await q.run('submit', '--batch', 'b.jsonl');
      expect(stderr).toMatch(
        /^row 2: expected_output (is nested deeper|contains half a surrogate|has a field whose name)/,
      );
      expect(await stored(q)).toBe(0);
    });
  }

  test('with more rows than the limit is refused', async ({ q }) => {
    q.write('b.jsonl', '{"to":"r","instructions":"x"}\n'.repeat(limits.MAX_BATCH_ROWS + 1));
    expect(await q.refused('submit', '--batch', 'b.jsonl')).toMatchObject({
      code: 'too-large',
      message: expect.stringContaining('100000 rows'),
    });
    expect(await stored(q)).toBe(0);
  });

  test('with a row that is longer than the limit is refused', async ({ q }) => {
    q.write('b.jsonl', row('fine', '"md"') + row('odd', ' '.repeat(limits.MAX_ROW) + '"md"'));
    expect(await q.refused('submit', '--batch', 'b.jsonl')).toMatchObject({ code: 'bad-batch' });
    expect(await stored(q)).toBe(0);
  });

  test('of 600 MB is refused, as a file and by standard input', async ({ q }) => {
    q.write('b.jsonl', '{"to":"r","instructions":"x"}\n');
    truncateSync(q.path('b.jsonl'), 600_000_000);
    for (const script of [
      'exec "$0" "$@" b.jsonl',
      'exec "$0" "$@" - < b.jsonl',
      'exec "$0" "$@" /dev/stdin < b.jsonl',
    ]) {
      const ran = await ended(startScript(script, ['submit', '--batch'], { cwd: q.cwd }));
      expect(ran).toMatchObject({ code: 13, stdout: '' });
      expect(ran.stderr).toMatch(/^agentq: [^\n]*67108864 bytes, the limit \([^\n]*\)\n$/);
    }
  });
});

describe('input without an end', () => {
  for (const [what, script, code] of [
    ['/dev/zero as a batch', 'exec "$0" "$1" submit --batch /dev/zero', 12],
    ['/dev/zero as a batch by standard input', 'exec "$0" "$1" submit --batch - < /dev/zero', 13],
    ['/dev/zero as a context', 'exec "$0" "$1" submit --to r --file /dev/zero', 12],
    ['/dev/zero as a context by standard input', 'exec "$0" "$1" submit --to r --file - < /dev/zero', 13],
    ['a FIFO as a batch', 'mkfifo f && exec "$0" "$1" submit --batch f', 12],
    ['a FIFO as a context', 'mkfifo f && exec "$0" "$1" submit --to r --file f', 12],
    ['a FIFO as the config', 'rm .agentq/config.json; mkfifo .agentq/config.json && exec "$0" "$1" status', 12],
    ['/dev/zero as the config', 'ln -sf /dev/zero .agentq/config.json && exec "$0" "$1" status', 12],
    ['a folder as a batch by standard input', 'exec "$0" "$1" submit --batch - < .', 12],
    ['a folder as a context by standard input', 'exec "$0" "$1" submit --to r --file - < .', 12],
    [
      'a FIFO as a certificate',
      'mkfifo f && exec "$0" "$1" list --url "amqps://127.0.0.1:1/?cacertfile=f" --broker-timeout 1s',
      12,
    ],
    ['a sparse file as the config', 'truncate -s 3G .agentq/config.json && exec "$0" "$1" status', 13],
  ] as const) {
    test(`${what} is refused`, async ({ q }) => {
      const ran = await ended(startScript(script, [], { cwd: q.cwd }));
      expect(ran).toEqual({ code, stdout: '', stderr: expect.stringMatching(/^agentq: [^\n]+\n$/) });
    });
  }
});

const bash = ['/bin/bash', '/usr/bin/bash'].find((path) => existsSync(path));

describe.skipIf(bash === undefined)('a file that a shell has opened', () => {
  /** `$0` is Node.js, `$1` the program. */
  const inBash = (q: Shell, script: string) =>
    spawn(bash!, ['-c', script, process.execPath, PROGRAM], { cwd: q.cwd, env: process.env, timeout: 30_000 });

  test('is read as a batch', async ({ q }) => {
    const rows = `printf '{"to":"r","task_id":"a","instructions":"x"}\\n'`;
    const ran = await ended(inBash(q, `"$0" "$1" submit --batch <(${rows})`));
    expect(ran).toEqual({ code: 0, stdout: 'a\n', stderr: '' });
  });

  test('can be interrupted', async ({ q }) => {
    const child = inBash(q, 'echo ready; exec "$0" "$1" submit --batch /dev/fd/7 7< <(exec sleep 60)');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    expect(signal).toBe('SIGTERM');
  });
});

test('a --limit above the maximum is refused', async ({ q }) => {
  for (const verb of ['list', 'dlq', 'inbox']) {
    const most = String(limits.MAX_LIST);
    expect(await q.refused(verb, '--limit', `${most}0`)).toMatchObject({
      code: 'usage',
      message: expect.stringContaining(most),
    });
  }
});

describe('a lease', () => {
  for (const args of [
    ['claim', '--as', 'r'],
    ['progress', 't'],
    ['work', '--as', 'r', '--until-empty', '--', 'true'],
  ]) {
    test(`shorter than a second is refused by ${args[0]}`, async ({ q }) => {
      const [verb, ...rest] = args;
      expect(await q.refused(verb!, '--lease', '999ms', ...rest)).toMatchObject({
        code: 'usage',
        message: '--lease must be at least 1s',
      });
    });
  }

  test('shorter than a second is refused in the config', async ({ q }) => {
    q.write('.agentq/config.json', '{"version":1,"defaults":{"lease":"30ms"}}');
    expect(await q.refused('status')).toMatchObject({ code: 'usage', message: expect.stringContaining('at least 1s') });
  });

  test('of a second is accepted', async ({ q }) => {
    await q.submit('t');
    expect((await q.claim('--lease', '1s')).lease.seconds).toBe(1);
  });
});

test('doctor accepts a task of an older version with a field 1,500 levels deep', async ({ q }) => {
  const services = await openServices(q.path('.agentq'));
  const envelope = {
    task_id: 'deep',
    from: 'coordinator',
    to: 'r',
    reply_to: 'results.coordinator',
    type: 'task',
    priority: 'normal',
    instructions: 'x',
    extra: JSON.parse(nested(1_500)) as unknown,
  } as const;
  await services.backend.commit([{ task_id: 'deep', command: { type: 'submit', envelope, fresh: false } }]);
  await services.backend.close();
  expect(await q.run('doctor')).toMatchObject({ code: 0 });
});

describe('text', () => {
  const bom = '\ufeff';

  test('may begin with a byte order mark', async ({ q }) => {
    q.write('.agentq/config.json', `${bom}{"version":1}`);
    q.write('b.jsonl', `${bom}{"to":"r","task_id":"a","instructions":"x"}\n`);
    expect(await q.ok('submit', '--batch', 'b.jsonl')).toBe('a');
    const stdin = `${bom}{"to":"r","task_id":"b","instructions":"x"}`;
    expect(await q.with({ stdin }).ok('submit', '--batch', '-')).toBe('b');
  });

  test('that is not UTF-8 is refused', async ({ q }) => {
    const rows = Buffer.concat([
      Buffer.from('{"to":"r","task_id":"a","instructions":"caf'),
      Buffer.from([0xe9]),
      Buffer.from('"}\n'),
    ]);
    q.write('b.jsonl', '');
    appendFileSync(q.path('b.jsonl'), rows);
    expect(await q.refused('submit', '--batch', 'b.jsonl')).toMatchObject({ code: 'unreadable-file' });
    const piped = await runProgram({ cwd: q.cwd, input: rows }, 'submit', '--batch', '-');
    expect(piped).toMatchObject({ code: 12, stderr: expect.stringContaining('not UTF-8') });
    expect(await stored(q)).toBe(0);
    appendFileSync(q.path('.agentq/config.json'), Buffer.from([0xff]));
    expect(await q.refused('status')).toMatchObject({ code: 'unreadable-file' });
  });
});
