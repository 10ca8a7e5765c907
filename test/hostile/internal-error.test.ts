import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { type Ended, PROGRAM, runProgram } from './support/program.ts';

interface Damaged extends Shells {
  /** Runs a copy of the program whose `list` is replaced by this code. Without code, the file of `list` is removed. */
  list: (code: string | undefined, ...more: string[]) => Promise<Ended>;
}

/** Copies the built program into the folder of a test. @returns the folder of the copy */
function copy(shell: Shell): string {
  const folder = dirname(dirname(PROGRAM));
  for (const part of ['bin', 'dist']) cpSync(join(folder, part), shell.path('program', part), { recursive: true });
  return shell.path('program');
}

const test = base.extend<Damaged>({
  ...fixtures,
  list: ({ q }, use) =>
    use((code, ...more) => {
      const folder = copy(q);
      if (code === undefined) rmSync(join(folder, 'dist/list.cjs'));
      else writeFileSync(join(folder, 'dist/list.cjs'), `(function (exports, require) {${code}})`);
      const program = join(folder, 'bin/agentq.cjs');
      return runProgram({ cwd: q.cwd, program, env: { HOME: q.cwd } }, 'list', ...more);
    }),
});

const acting = (action: string) => `exports.define = (command) => command.action(async () => { ${action} });`;
const never = 'await new Promise((resolve) => setTimeout(resolve, 60_000));';

const bugs: Readonly<Record<string, string | undefined>> = {
  'a command that throws': acting('undefined.x;'),
  'a command that throws a text': acting('throw "a text\\nof two lines";'),
  'a timer that throws': acting(`setTimeout(() => undefined.x, 1); ${never}`),
  'an unhandled rejection': acting(`void Promise.reject(new TypeError('a\\nb')); ${never}`),
  'an unhandled error event': acting(
    `process.nextTick(() => new (require('node:events'))().emit('error', new Error('x'.repeat(50_000)))); ${never}`,
  ),
  'a missing module': undefined,
  'a truncated module': 'exports.define = (command) => { const secret = "',
};

/** One short line without a stack or source code. */
const LINE = /^agentq: internal error: [^\n]{1,600}\n$/;

describe('an internal error', () => {
  for (const [bug, code] of Object.entries(bugs)) {
    test(`by ${bug} prints one line and writes the details to a file`, async ({ q, list }) => {
      const ran = await list(code);
      expect(ran).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(LINE) });
      expect(ran.stderr).not.toMatch(/ at |secret/);
      const [, file] = /\(report it, with (.*)\)/.exec(ran.stderr) ?? [];
      expect(dirname(file!)).toBe(q.path('.cache/agentq'));
      expect(statSync(file!).mode & 0o777).toBe(0o600);
      expect(readFileSync(file!, 'utf8')).toMatch(/agentq \d+\.\d+[^]*Node\.js v/);
    });
  }

  test('is JSON with --json', async ({ list }) => {
    const { code, stderr } = await list(acting('undefined.x;'), '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'internal error',
        exit: 1,
        message: expect.stringMatching(/^TypeError: /),
        hint: expect.stringContaining('internal-error-'),
      },
    });
  });

  test('names no file if none can be written', async ({ q, list }) => {
    q.write('.cache', 'a file');
    expect((await list(acting('undefined.x;'))).stderr).toMatch(
      /^agentq: internal error: TypeError: [^()]*\([^()]*\)\n$/,
    );
    expect((await list(acting('undefined.x;'))).stderr).not.toContain('report it');
  });

  test('keeps only the latest files', async ({ q, list }) => {
    mkdirSync(q.path('.cache/agentq'), { recursive: true, mode: 0o700 });
    for (let i = 0; i < 30; i++) q.write(`.cache/agentq/internal-error-2020-01-01T0000${i + 10}.000Z-1.txt`, 'old');
    await list(acting('undefined.x;'));
    const files = readdirSync(q.path('.cache/agentq')).filter((name) => name.startsWith('internal-error-'));
    expect(files).toHaveLength(21);
    expect(files.toSorted()[0]).toContain('000020');
  });
});

describe('a disk error that no command has handled', () => {
  for (const [what, action] of [
    ['a full disk', "require('node:fs').writeFileSync('/dev/full', 'x')"],
    ['a folder that is a file', "require('node:fs').mkdtempSync('/dev/null/x')"],
    [
      'a full disk, found in a timer',
      `setTimeout(() => require('node:fs').writeFileSync('/dev/full', 'x'), 1); ${never}`,
    ],
  ] as const) {
    test(`is no internal error: ${what}`, async ({ list }) => {
      const ran = await list(acting(action));
      expect(ran).toEqual({ code: 22, stdout: '', stderr: expect.stringMatching(/^agentq: E[A-Z]+: [^\n]+\n$/) });
    });
  }
});

test('a damaged program prints one line', async ({ q }) => {
  const folder = copy(q);
  truncateSync(join(folder, 'dist/agentq.cjs'), 50_000);
  const ran = await runProgram({ cwd: q.cwd, program: join(folder, 'bin/agentq.cjs') }, 'list');
  expect(ran).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^agentq: the program is damaged: [^\n]{1,200}\n$/),
  });
});
