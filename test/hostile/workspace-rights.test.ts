import { chmodSync, readdirSync } from 'node:fs';
import { describe, expect, test as plain } from 'vitest';
import { fixtures, type Shells } from '../cli/harness.ts';
import { ended, startScript } from './support/program.ts';
import { test } from './support/unprivileged.ts';

/** Parts of a workspace without permissions, and the message about each. */
const locked: readonly { readonly what: string; readonly path: string; readonly message: RegExp }[] = [
  { what: 'the workspace', path: '.agentq', message: /\.agentq is not readable for this user/ },
  { what: 'its config', path: '.agentq/config.json', message: /config\.json is not readable for this user/ },
  { what: 'its note of the store', path: '.agentq/store.json', message: /store\.json is not readable for this user/ },
];

describe('without permissions', () => {
  for (const { what, path, message } of locked) {
    for (const args of [['status'], ['status', '--dir', '.'], ['status', '--dir', '.agentq'], ['init']]) {
      test(`${what} is not reported as missing by ${args.join(' ')}`, async ({ q }) => {
        chmodSync(q.path(path), 0);
        const ran = await q.agentq(...args);
        chmodSync(q.path(path), 0o700);
        expect(ran).toMatchObject({ code: 12, stdout: '', stderr: expect.stringMatching(message) });
        expect(ran.stderr).not.toMatch(/no agentq workspace|cannot be read as JSON/);
      });
    }
  }

  test('the unreadable folder above a given workspace is named', async ({ q }) => {
    chmodSync(q.folder, 0);
    const ran = await q.agentq('status', '--dir', q.path('.agentq'));
    chmodSync(q.folder, 0o700);
    expect(ran).toMatchObject({
      code: 12,
      stderr: expect.stringContaining(`${q.folder} is not readable for this user`),
    });
  });

  test('the marker of the store is not reported as missing', async ({ q }) => {
    chmodSync(q.path('.agentq/.agentq-store'), 0);
    const ran = await q.agentq('claim', '--as', 'r');
    expect(ran).toMatchObject({
      code: 22,
      stderr: expect.stringContaining('.agentq-store is not readable for this user'),
    });
  });

  test('restore fails if the epoch is unreadable', async ({ q }) => {
    await q.ok('backup', 'b.db');
    q.write('.agentq/epoch', '7\n');
    chmodSync(q.path('.agentq/epoch'), 0);
    const ran = await q.agentq('restore', 'b.db', '--force');
    expect(ran).toMatchObject({ code: 12, stderr: expect.stringContaining('the epoch cannot be read') });
  });

  test('an unreadable backup is not reported as a disk fault', async ({ q }) => {
    await q.ok('backup', 'b.db');
    chmodSync(q.path('b.db'), 0);
    const ran = await q.agentq('restore', 'b.db');
    expect(ran).toMatchObject({ code: 12, stderr: expect.stringContaining('b.db is not readable for this user') });
  });

  test('an unreadable database is not an internal error', async ({ q }) => {
    const files = readdirSync(q.path('.agentq')).filter((name) => /\.db/.test(name));
    expect(files).not.toEqual([]);
    for (const file of files) chmodSync(q.path('.agentq', file), 0);
    const ran = await q.agentq('status');
    expect(ran.stderr).toMatch(/^agentq: [^\n]+\n$/);
    expect(ran.code).toBe(22);
  });
});

const inGone = plain.extend<Shells>(fixtures);

describe('in a deleted folder', () => {
  const GONE = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"';

  inGone('absolute paths of the workspace and of files work', async ({ q }) => {
    const run = (...args: string[]) => ended(startScript(GONE, [...args, '--dir', q.cwd], { cwd: q.cwd }));
    q.write('context.md', 'background');
    q.write('b.jsonl', `{"to":"r","task_id":"u","file":"${q.path('context.md')}"}\n`);
    for (const args of [
      ['status'],
      ['submit', '--to', 'r', '--id', 't', '--file', q.path('context.md')],
      ['submit', '--batch', q.path('b.jsonl')],
      [
        'complete',
        't',
        '--from',
        'r',
        '--result-file',
        q.path('context.md'),
        '--artifact',
        `a=${q.path('context.md')}`,
      ],
      ['result', 't'],
      ['init'],
    ]) {
      const ran = await run(...args);
      expect({ args, code: ran.code, stderr: ran.stderr }).toMatchObject({ args, code: 0 });
    }
  });

  inGone('commands that need the current folder print an error', async ({ q }) => {
    const run = (...args: string[]) => ended(startScript(GONE, args, { cwd: q.cwd }));
    for (const args of [
      ['status'],
      ['status', '--dir', '.'],
      ['submit', '--to', 'r', '--file', 'context.md', '--dir', q.cwd],
    ]) {
      expect(await run(...args)).toMatchObject({
        code: 10,
        stderr: expect.stringContaining('current folder was deleted'),
      });
    }
  });
});
