import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Command } from 'commander';
import { verbs } from '../../src/cli/main.ts';
import { projectFile } from './tables.ts';

/** As the build wrote it, and package.json names it. */
const { man, version } = JSON.parse(projectFile('package.json')) as { man: string; version: string };
const file = join(import.meta.dirname, '../..', man);
const page = readFileSync(file, 'utf8');

/** The text of roff without its escapes. */
const plain = page
  .replaceAll('\\-', '-')
  .replaceAll('\\e', '\\')
  .replaceAll(/\\f[BRI]|\\&/g, '');

describe('the manual page', () => {
  test('describes every command and every option', async () => {
    expect(plain.split('\n')[0]).toBe(`.TH AGENTQ 1 "" "agentq ${version}" "User Commands"`);
    const absent: string[] = [];
    for (const [name, summary, load] of verbs) {
      const command = new Command(name).description(summary);
      (await load()).define(command, () => {
        throw new Error('not called');
      });
      for (const one of [command, ...command.commands]) {
        const title = `.SS agentq ${one === command ? '' : `${name} `}${one.name()} `;
        const section = plain.split(title)[1]?.split(/^\.S[SH] /m)[0] ?? '';
        if (!section.includes(one.description())) absent.push(title);
        for (const { flags, description } of one.options)
          if (!section.includes(`.TP\n${flags}\n${description.replaceAll('…', '\\[u2026]')}`)) absent.push(flags);
      }
    }
    expect(absent).toEqual([]);
    // The text after the options, as --help prints it.
    expect(plain).toContain('An expected artifact is a file with that name');
  });

  test('has only lines that roff reads', () => {
    const wrong = page
      .split('\n')
      .filter((line) => /^'|[^\x20-\x7e]/.test(line) || /^\.(?!TH|ad l$|S[HS]|PP|TP|nf|fi)/.test(line));
    expect(wrong).toEqual([]);
  });

  for (const [program, ...args] of [
    ['groff', '-man', '-Tutf8', '-ww', file],
    ['mandoc', '-T', 'lint', '-W', 'warning', file],
    ['man', '-l', file],
  ] as const) {
    const { error } = spawnSync(program, ['--version'], { stdio: 'ignore' });
    test.skipIf(error)(`is read without a warning by ${program}${error ? ` (${program} is not there)` : ''}`, () => {
      const env = { ...process.env, PAGER: 'cat', MANPAGER: 'cat', LC_ALL: 'C.UTF-8' };
      const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
      // A date would make each build different.
      const warnings = `${program === 'mandoc' ? stdout : ''}${stderr}`
        .split('\n')
        .filter((line) => !/missing date|^$/.test(line));
      expect(warnings).toEqual([]);
      if (program !== 'mandoc') expect(stdout).toContain('AGENTQ(1)');
    });
  }
});
