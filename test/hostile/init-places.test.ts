import { existsSync } from 'node:fs';
import { describe, expect, test as plain } from 'vitest';
import { fixtures, type Shells } from '../cli/harness.ts';
import { ended, startScript } from './support/program.ts';

const test = plain.extend<Shells>(fixtures);

describe.runIf(existsSync('/proc/self'))('in a file system that makes no folders', () => {
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
