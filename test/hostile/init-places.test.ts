import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { describe, expect, test as plain } from 'vitest';
import { fixtures, type Shells } from '../cli/harness.ts';
import { ended, startScript } from './support/program.ts';

const test = plain.extend<Shells>(fixtures);

describe.runIf(existsSync('/proc/self'))('in a file system without new folders', () => {
  for (const args of [
    ['--dir', '/proc/x'],
    ['--dir', '/proc/x/y'],
    ['--dir', 'w', '--store', '/proc/x'],
  ]) {
    test(`init ${args.join(' ')} ends with one line`, async ({ bare }) => {
      const bounded = 'exec timeout -s KILL 15 "$0" "$@"';
      const ran = await ended(startScript(bounded, ['init', ...args], { cwd: bare.cwd }));
      expect(ran).toMatchObject({ code: 22, stdout: '', stderr: expect.stringMatching(/^agentq: [^\n]+\n$/) });
    });
  }
});

const tree = (folder: string) => readdirSync(folder, { recursive: true }).map(String).toSorted();

describe('an init that fails creates nothing', () => {
  for (const [what, file, args] of [
    ['the store is a file', 'afile', ['--store', 'afile', '--dir', 'w']],
    ['the store is below a file', 'afile', ['--store', 'afile/store', '--dir', 'w']],
    ['a folder of the store is a file', 'w/tasks', ['--dir', 'w']],
    ['a folder of another store is a file', 'ext/artifacts', ['--store', 'ext', '--dir', 'w']],
  ] as const) {
    test(`if ${what}`, async ({ bare }) => {
      for (const folder of ['w', 'ext']) mkdirSync(bare.path(folder));
      bare.write(file, 'x');
      const before = tree(bare.cwd);
      const ran = await bare.run('init', ...args);
      expect(ran.code).not.toBe(0);
      expect(ran.stderr).toMatch(/^agentq: [^\n]+\n$/);
      expect(tree(bare.cwd)).toEqual(before);
    });
  }

  test('and can be repeated with another store', async ({ bare }) => {
    bare.write('afile', 'x');
    expect(await bare.refused('init', '--store', 'afile', '--dir', 'w')).toMatchObject({
      exit: 2,
      message: expect.stringContaining('afile is not a directory'),
    });
    expect(readdirSync(bare.cwd)).toEqual(['afile']);
    await bare.ok('init', '--dir', 'w');
  });
});

describe('a workspace that has lost its config', () => {
  test('is not reported as missing, and gets no config with another store', async ({ bare }) => {
    await bare.ok('init', '--store', 'ext');
    bare.write('context.md', 'background');
    await bare.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    rmSync(bare.path('.agentq/config.json'));
    for (const dir of [[], ['--dir', '.'], ['--dir', '.agentq']]) {
      expect(await bare.refused('list', ...dir)).toMatchObject({
        exit: 10,
        message: expect.stringContaining('.agentq/config.json is missing'),
      });
    }
    const before = tree(bare.cwd);
    expect((await bare.run('init')).code).toBe(22);
    expect(tree(bare.cwd)).toEqual(before);
    await bare.ok('init', '--store', 'ext');
    expect((await bare.json('list')).tasks).toHaveLength(1);
  });
});
