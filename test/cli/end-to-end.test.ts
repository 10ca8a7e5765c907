import { type ChildProcess, execFileSync, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test as base, vi } from 'vitest';
import * as z from 'zod/mini';
import { outputs } from '../../src/cli/output/schemas/outputs.ts';
import { fixtures, type Shell, type Shells } from './harness.ts';
import { strict } from './strict.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/agentq.cjs', import.meta.url));

/** Longer than the slow poll of the program, so that a lost wake-up makes a test slow and does not make it fail. */
const TIME_LIMIT = 30_000;

/** User and group id of `nobody`. */
const NOBODY = 65_534;

const test = base.extend<Shells>(fixtures);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], options: SpawnOptions, node = process.execPath): ChildProcess {
  const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...options.env };
  return spawn(node, [PROGRAM, ...args], { timeout: TIME_LIMIT, ...options, env });
}

async function ended(child: ChildProcess, input = ''): Promise<Ended> {
  // The program may end before it has read its input.
  child.stdin?.on('error', () => {}).end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  return { code, stdout, stderr };
}

const run = ({ cwd }: Shell, ...args: string[]) => ended(start(args, { cwd }));

/** Resolves when the child watches the doorbells of its workspace. Then it waits and handles signals. */
function watching({ pid }: ChildProcess): Promise<void> {
  const folder = `/proc/${pid}/fdinfo`;
  return vi.waitFor(
    () => {
      const infos = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), 'utf8'));
      if (!infos.some((info) => info.includes('inotify wd:'))) throw new Error('it does not watch yet');
    },
    { timeout: TIME_LIMIT, interval: 10 },
  );
}

describe('the built program', () => {
  test('prints its version', async ({ bare }) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await run(bare, '--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('runs a task from submit to result, with the exit code of each command', async ({ bare }) => {
    const codes = async (...line: string[]) => (await run(bare, ...line)).code;
    expect(await codes('status')).toBe(10);
    expect(await codes('init')).toBe(0);
    expect(await run(bare, 'submit', '--to', 'r', '--id', 't', '--instructions', 'x')).toEqual({
      code: 0,
      stdout: 't\n',
      stderr: '',
    });
    expect(await codes('result', 't')).toBe(23);
    expect(await codes('claim', '--as', 'r')).toBe(0);
    expect(await codes('claim', '--as', 'r')).toBe(9);
    expect(await codes('complete', 't', '--from', 's')).toBe(4);
    expect(await codes('complete', 't', '--from', 'r', '--summary', 'done')).toBe(0);
    expect(await run(bare, 'result', 't')).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    expect(await codes('status', 'u')).toBe(3);
    expect(await codes('--nonsense')).toBe(2);
  });

  test('reads standard input to its end', async ({ q }) => {
    const content = 'a line of a long context\n'.repeat(50_000);
    const child = start(['submit', '--to', 'r', '--id', 't', '--file', '-'], { cwd: q.cwd });
    expect(await ended(child, content)).toEqual({ code: 0, stdout: 't\n', stderr: '' });
    expect(q.read('.agentq/tasks/t.md')).toBe(content);
  });

  test('can be called through a link, as npm creates it', async ({ bare }) => {
    symlinkSync(PROGRAM, bare.path('agentq'));
    const child = spawn(process.execPath, [bare.path('agentq'), '--version'], { cwd: bare.cwd, timeout: TIME_LIMIT });
    expect((await ended(child)).code).toBe(0);
  });

  test('passes one second of torture', { timeout: TIME_LIMIT }, async ({ bare }) => {
    const { code, stdout, stderr } = await run(
      bare,
      'torture',
      '--seconds',
      '1',
      '--workers',
      '1',
      '--seed',
      '7',
      '--json',
      '--dir',
      '.',
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const report: unknown = JSON.parse(stdout);
    expect(z.safeParse(strict(outputs.torture), report).error?.issues ?? []).toEqual([]);
    expect(report).toMatchObject({ seed: 7, lost: 0, completed_twice: 0, stale_accepted: 0 });
  });
});

describe('standard output', () => {
  /** Creates so many tasks that their list does not fit into a pipe. */
  async function many(q: Shell): Promise<void> {
    const rows = Array.from({ length: 3_000 }, (_, i) =>
      JSON.stringify({ task_id: `t${i}`, to: 'r', instructions: 'x' }),
    );
    await q.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
  }

  test('may be closed early by its reader', async ({ q }) => {
    await many(q);
    const line = `{ "$0" "$1" list --limit 3000; echo "code $?" >&2; } | head -1`;
    const shell = spawn('/bin/sh', ['-c', line, process.execPath, PROGRAM], { cwd: q.cwd, timeout: TIME_LIMIT });
    const { stdout, stderr } = await ended(shell);
    expect(stdout).toMatch(/^ID [^\n]*\n$/);
    expect(stderr).toBe('code 0\n');
  });

  test('without a reader leaves the messages in the inbox', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    const line = 'read go; exec "$0" "$1" inbox';
    const shell = spawn('/bin/sh', ['-c', line, process.execPath, PROGRAM], { cwd: q.cwd, timeout: TIME_LIMIT });
    shell.stdout.destroy();
    await once(shell.stdout, 'close');
    shell.stdin.on('error', () => {}).end('go\n');
    await once(shell, 'close');
    expect((await q.json('inbox')).messages).toMatchObject([{ task_id: 't' }]);
  });

  test('is complete with a slow reader and a full pipe', async ({ q }) => {
    await q.submit('t');
    const content = Buffer.alloc(8 * 1024 * 1024, 'abcdefghij\n');
    q.write('out.txt', content.toString());
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.txt');
    const line = `"$0" "$1" result t | { read first; echo "$first" >&2; cat; }`;
    const shell = spawn('/bin/sh', ['-c', line, process.execPath, PROGRAM], { cwd: q.cwd, timeout: TIME_LIMIT });
    const [rest, first] = await Promise.all([buffer(shell.stdout), text(shell.stderr)]);
    expect(first).toBe('abcdefghij\n');
    expect(rest.length).toBe(content.length - first.length);
    expect(rest.equals(content.subarray(first.length))).toBe(true);
  });

  test('is complete as JSON', async ({ q }) => {
    await many(q);
    const { code, stdout } = await run(q, 'list', '--limit', '3000', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).tasks).toHaveLength(3_000);
  });
});

describe('several processes', () => {
  test('a process that waits is woken by one that completes', { timeout: TIME_LIMIT }, async ({ q }) => {
    await q.submit('t');
    const waiting = ended(start(['wait', 't'], { cwd: q.cwd }));
    expect((await run(q, 'complete', 't', '--from', 'r', '--summary', 'done')).code).toBe(0);
    const stderr = expect.stringMatching(/^t completed .* by r: done\n$/);
    expect(await waiting).toEqual({ code: 0, stdout: '', stderr });
  });

  test('a process that waits for a task is woken by one that submits', { timeout: TIME_LIMIT }, async ({ q }) => {
    const waiting = ended(start(['claim', '--as', 'r', '--wait', '1h', '--json'], { cwd: q.cwd }));
    await run(q, 'submit', '--to', 'r', '--id', 't', '--instructions', 'x');
    expect(JSON.parse((await waiting).stdout)).toMatchObject({ task_id: 't', attempt: 1 });
  });

  test('that claim at once never get the same task', async ({ q }) => {
    await q.submit('t');
    const all = await Promise.all(Array.from({ length: 4 }, () => run(q, 'claim', '--as', 'r')));
    expect(all.map(({ code }) => code).toSorted((a, b) => a! - b!)).toEqual([0, 9, 9, 9]);
    expect((await q.task('t')).attempts).toHaveLength(1);
  });

  test('that complete at once: one is accepted and the others are refused', async ({ q }) => {
    await q.submit('t');
    const all = await Promise.all(
      ['a', 'b', 'c'].map((summary) => run(q, 'complete', 't', '--from', 'r', '--summary', summary)),
    );
    expect(all.map(({ code }) => code).toSorted((a, b) => a! - b!)).toEqual([0, 4, 4]);
    expect(await q.task('t')).toMatchObject({ status: 'completed', refused: 2 });
  });
});

describe.skipIf(process.platform !== 'linux')('a signal', () => {
  for (const [signal, code, ...line] of [
    ['SIGINT', 8, 'wait', 't'],
    ['SIGTERM', 8, 'wait', 't'],
    ['SIGINT', 9, 'claim', '--as', 'no-such-role', '--wait', '1h'],
    ['SIGINT', 9, 'inbox', '--wait', '1h'],
  ] as const) {
    test(`${signal} ends ${line.join(' ')}, which prints no data`, { timeout: TIME_LIMIT }, async ({ q }) => {
      await q.submit('t');
      const child = start(line, { cwd: q.cwd });
      const end = ended(child);
      await watching(child);
      child.kill(signal);
      const stderr = line[0] === 'wait' ? expect.stringMatching(/^interrupted: t is queued for r, .*\n$/) : '';
      expect(await end).toEqual({ code, stdout: '', stderr });
    });
  }
});

describe('permissions', () => {
  const root = process.getuid?.() === 0;

  /** Whether another user can run the program at its place. */
  function runsFor(uid: number): boolean {
    try {
      execFileSync(process.execPath, [PROGRAM, '--version'], { uid, gid: uid, cwd: '/', stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  test('a file that is not readable for this user is refused in one line', async ({ bare, skip }) => {
    skip(root && !runsFor(NOBODY), 'the tests run as root, and other users cannot run the program');
    const user = root ? { uid: NOBODY, gid: NOBODY } : {};
    if (root) chownSync(bare.cwd, NOBODY, NOBODY);
    const as = (...args: string[]) => ended(start(args, { cwd: bare.cwd, ...user }));
    await as('init');
    chmodSync(bare.write('secret.md', 'x'), 0);
    expect(await as('submit', '--to', 'r', '--file', 'secret.md')).toEqual({
      code: 12,
      stdout: '',
      stderr: expect.stringMatching(/^agentq: [^\n]*secret\.md is not readable for this user \([^\n]+\)\n$/),
    });
    expect(readdirSync(bare.path('.agentq/tasks'))).toEqual([]);
  });

  test('two users of a group work on one shared workspace', async ({ bare, skip }) => {
    skip(!root, 'only root can run as two users');
    skip(!runsFor(NOBODY), 'only root can run the program');
    const gid = NOBODY;
    const [one, two] = [64_001, 64_002].map(
      (uid) =>
        (...args: string[]) =>
          ended(start(args, { cwd: bare.cwd, uid, gid })),
    );
    chownSync(bare.cwd, 64_001, gid);
    chmodSync(bare.cwd, 0o2770);
    chmodSync(bare.write('context.md', 'background'), 0o644);
    const ran: Ended[] = [];
    ran.push(await one!('init', '--shared'));
    ran.push(await one!('submit', '--to', 'r', '--id', 't', '--file', 'context.md'));
    ran.push(await one!('claim', '--as', 'r'));
    ran.push(await one!('release', 't', '--from', 'r'));
    ran.push(await two!('claim', '--as', 'r'));
    ran.push(
      await two!('complete', 't', '--attempt', '2', '--result-file', 'context.md', '--artifact', 'p=context.md'),
    );
    ran.push(await one!('result', 't'));
    ran.push(await two!('doctor'));
    expect(ran.filter(({ code, stderr }) => code !== 0 || stderr !== '')).toEqual([]);
    expect(ran.at(-2)!.stdout).toBe('background');
  });
});

describe('an older Node.js', () => {
  const least = 24;
  const candidates = [
    '/usr/bin/node',
    ...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node')),
  ];
  const old = candidates.find((path) => {
    if (!existsSync(path)) return false;
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' });
    return Number(/^v(\d+)/.exec(version)?.[1]) < least;
  });

  test('is reported in one line', async ({ bare, skip }) => {
    skip(old === undefined, 'no older Node.js on this machine');
    const version = execFileSync(old!, ['--version'], { encoding: 'utf8' }).trim();
    const { code, stdout, stderr } = await ended(start(['--version'], { cwd: bare.cwd }, old));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^agentq: Node\.js 24 or newer is needed, and this is [^\n]+\n$/);
    expect(stderr).toContain(version);
  });
});
