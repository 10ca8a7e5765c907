import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import * as z from 'zod/mini';
import { outputs } from '../../src/cli/output/schemas/outputs.ts';
import { fixtures, type Shell, type Shells } from './harness.ts';
import { strict } from './strict.ts';

const test = base.extend<Shells>(fixtures);

/** What a worker of this machine writes while the child of an attempt runs. */
function print(q: Shell, attempt: number, text: string | Uint8Array): void {
  mkdirSync(q.path(`.agentq/run/t~${attempt}`), { recursive: true });
  writeFileSync(q.path(`.agentq/run/t~${attempt}/log.txt`), text);
}

/** A task whose first attempt has left a log, and whose second one was claimed by hand. */
async function twice(q: Shell): Promise<void> {
  await q.submit('t');
  await q.claim();
  print(q, 1, 'one\n\u001b[31mtwo\u001b[0m\nthree');
  await q.ok('release', 't', '--from', 'r');
  await q.claim('--worker', 'hand');
}

describe('logs', () => {
  test('prints the bytes as they are, and safe text on a terminal', async ({ q }) => {
    await twice(q);
    const bytes = Buffer.from([0x61, 0xff, 0x00, 0x0a]);
    print(q, 2, bytes);
    expect((await q.run('logs', 't')).bytes).toEqual(bytes);
    expect((await q.run('logs', 't', '--attempt', '1')).stdout).toBe('one\n\u001b[31mtwo\u001b[0m\nthree');
    const onTerminal = await q.with({ tty: true }).run('logs', 't', '--attempt', '1');
    expect(onTerminal.stdout).toBe('one\n␛[31mtwo␛[0m\nthree');
  });

  test('begins with the last lines', async ({ q }) => {
    await twice(q);
    const last = async (n: number) => (await q.run('logs', 't', '--attempt', '1', '--tail', String(n))).stdout;
    expect(await last(1)).toBe('three');
    expect(await last(3)).toBe('one\n\u001b[31mtwo\u001b[0m\nthree');
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`);
    print(q, 1, lines.join(''));
    expect(await last(20_000)).toBe(lines.slice(-20_000).join(''));
    expect(await last(40_000)).toBe(lines.join(''));
  });

  test('prints one object for each line with --json', async ({ q }) => {
    await twice(q);
    const long = `${'é'.repeat(70_000)}\n`;
    print(q, 1, `one\n\n${long}end`);
    const { stdout } = await q.run('logs', 't', '--attempt', '1', '--json');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => z.parse(strict(outputs.logs), JSON.parse(line)));
    expect(lines.slice(0, 2)).toEqual([
      { attempt: 1, text: 'one\n' },
      { attempt: 1, text: '\n' },
    ]);
    expect(lines.map((line) => (line as { text: string }).text).join('')).toBe(`one\n\n${long}end`);
  });

  test('says why there is no log, and which attempts have one', async ({ q }) => {
    await q.submit('new');
    expect(await q.refused('logs', 'new')).toMatchObject({
      code: 'not-found',
      message: 'new is queued: no attempt has begun',
    });
    await q.ok('cancel', 'new');
    await twice(q);
    expect(await q.refused('logs', 't')).toMatchObject({
      code: 'not-found',
      message: 'attempt 2 of t has no log: hand has claimed it by hand',
      hint: 'attempt 1 has one: agentq logs t --attempt 1',
    });
    expect(await q.refused('logs', 't', '--attempt', '9')).toMatchObject({ message: 't has no attempt 9' });
    await q.ok('complete', 't', '--from', 'r', '--attempt', '2', '--summary', 's');
    expect((await q.refused('logs', 't')).message).toMatch(/had claimed it by hand, or its program printed nothing/);
    expect(await q.refused('logs', 'nothing')).toMatchObject({ code: 'not-found' });
  });

  test('follows no link', async ({ q }) => {
    await twice(q);
    mkdirSync(q.path('.agentq/run/t~2'));
    symlinkSync(q.write('other', 'secret'), q.path('.agentq/run/t~2/log.txt'));
    expect((await q.run('logs', 't')).output).not.toContain('secret');
  });

  test('--follow of a task that has ended prints its log and ends', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    // As agentq 0.1 left the log of a cancelled attempt.
    writeFileSync(q.path('.agentq/artifacts/t/1/log.txt'), 'three\n');
    await q.ok('release', 't', '--from', 'r');
    await q.claim('--worker', 'hand');
    await q.ok('complete', 't', '--from', 'r', '--attempt', '2', '--summary', 's');
    expect((await q.run('logs', 't', '--follow', '--attempt', '1')).stdout).toBe('three\n');
    const last = await q.run('logs', 't', '--follow');
    expect([last.code, last.stdout]).toEqual([0, '']);
    expect(last.stderr).toMatch(/attempt 2 of t has no log/);
  });

  test('of a claim by hand is not recorded before its worker says so', async ({ q }) => {
    await q.submit('t');
    await q.claim('--lease', '60s');
    writeFileSync(q.path('.agentq/artifacts/t/1/log.txt'), 'begun\n');
    await q.ok('cancel', 't');
    q.advance(7_200);
    expect((await q.run('doctor', '--repair')).stdout).not.toContain('log of attempt');
    const task = await q.task('t');
    expect(task).not.toHaveProperty('stopped_at');
    expect(task.attempts[0]).not.toHaveProperty('artifacts');
    expect(await q.ok('logs', 't')).toBe('begun');
  });

  test('of a killed worker is named by show and doctor, recorded by doctor --repair, and removed by prune', async ({
    q,
  }) => {
    await q.submit('t');
    await q.claim('--lease', '60s');
    print(q, 1, 'last words\n');
    const file = q.path('.agentq/run/t~1/log.txt');
    utimesSync(file, 0, 0);
    utimesSync(q.path('.agentq/run/t~1'), 0, 0);
    q.advance(3_600);
    expect((await q.claim()).previous_failures).toMatchObject([{ attempt: 1, outcome: 'lease-expired', log: file }]);
    await q.ok('release', 't', '--attempt', '2', '--from', 'r');
    expect(await q.json('show', 't')).toMatchObject({ unrecorded_logs: [{ attempt: 1, file }] });
    expect(await q.ok('show', 't')).toContain(`log 1      ${file}, not recorded`);
    const problem = `the log of attempt 1 is not recorded: ${file}`;
    expect((await q.run('doctor', '--json')).json().findings).toContainEqual({
      subject: 't',
      problem,
      severity: 'advice',
      repaired: false,
    });
    expect((await q.run('doctor', '--repair', '--json')).json().findings).toContainEqual({
      subject: 't',
      problem,
      severity: 'advice',
      repaired: true,
    });
    expect(q.stored()).toContain('artifacts/t/1/log.txt');
    expect(existsSync(file)).toBe(false);
    expect(await q.ok('logs', 't', '--attempt', '1')).toBe('last words');
    expect((await q.task('t')).attempts[0].artifacts).toMatchObject([{ name: 'log', size: 11 }]);
    expect(await q.ok('show', 't')).toContain('log 1      artifacts/t/1/log.txt, 11 bytes');
    expect((await q.run('doctor', '--json')).json().findings.map((one: any) => one.subject)).not.toContain('t');
    writeFileSync(q.path('.agentq/artifacts/t/1/log.txt'), 'first words');
    expect((await q.run('doctor', '--json')).stdout).toMatch(/log.*artifacts\/t\/1\/log\.txt.* was changed/);
    await q.ok('cancel', 't');
    q.advance(7_200);
    await q.ok('prune', '--older-than', '1h');
    expect(q.stored()).toEqual([]);
  });
});
