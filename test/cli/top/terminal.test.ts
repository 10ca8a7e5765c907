import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { noTmux, Terminal } from '../../terminal/tmux.ts';
import { SCRATCH, Shell } from '../harness.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/agentq.cjs');

/** A new workspace on the real clock, because a program of another process uses it too. */
async function workspace(): Promise<Shell> {
  const folder = realpathSync(mkdtempSync(join(SCRATCH, 'agentq-top-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const shell = new Shell(folder);
  shell.clock.now = Date.now();
  await shell.ok('init');
  return shell;
}

function open(shell: Shell, columns: number, rows: number): Terminal {
  const terminal = new Terminal({ columns, rows, cwd: shell.cwd, env: { AGENTQ: PROGRAM, NODE: process.execPath } });
  onTestFinished(() => terminal[Symbol.dispose]());
  terminal.enter('agentq() { "$NODE" "$AGENTQ" "$@"; }');
  return terminal;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until the shell is back, with the screen that was there before. */
async function restored(terminal: Terminal, said = /ended with \d+/): Promise<string> {
  const screen = await terminal.shows(said);
  expect(terminal.isAlternate).toBe(false);
  expect(terminal.cursorIsVisible).toBe(true);
  terminal.enter('echo typed && stty -a | grep -o -- "[-]*icanon"');
  await terminal.shows(/^typed$/m);
  await terminal.shows(/^icanon$/m);
  return screen;
}

/** Waits until all lines are drawn, after the terminal has become higher. @returns the screen */
async function drawn(terminal: Terminal, rows: number): Promise<string> {
  const screen = await terminal.until((one) => one.split('\n')[rows - 1]?.endsWith('q quit') ?? false, `${rows} lines`);
  expect(screen.split('\n')).toHaveLength(rows);
  return screen;
}

describe.skipIf(noTmux)(`agentq top in a terminal${noTmux ? ` (${noTmux})` : ''}`, () => {
  test('draws at each size, moves, opens, cancels, retries and restores the terminal', async () => {
    const q = await workspace();
    await q.ok('submit', '--to', 'docs-worker', '--id', 'running', '--instructions', 'do running');
    await q.ok('claim', '--as', 'docs-worker');
    await q.ok(
      'progress',
      'running',
      '--from',
      'docs-worker',
      '--percent',
      '40',
      '--note',
      '半分 done \u001b[2J',
      '--cost-usd',
      '0.12',
    );
    await q.submit('doomed');
    await q.ok('fail', 'doomed', '--from', 'r', '--reason', 'the \u001b]0;disk\u0007 is full');
    for (let i = 0; i < 30; i++) await q.submit(`waiting-${i}`);

    const terminal = open(q, 60, 20);
    // Programs of terminals know more or fewer codes than tmux.
    terminal.enter('TERM=xterm agentq top; echo ended with $?');
    await terminal.shows('半分 done ␛[2J');
    expect(terminal.isAlternate).toBe(true);
    expect(terminal.cursorIsVisible).toBe(false);
    for (const [columns, rows] of [
      [60, 20],
      [80, 24],
    ] as const) {
      terminal.resize(columns, rows);
      const screen = await drawn(terminal, rows);
      expect(screen).toMatch(/^ agentq top +30 queued, 1 working, 1 dead letter/);
      expect(screen).toMatch(/^docs-worker +0 .* 1 /m);
      expect(screen).toMatch(/^running .* \[####------\] 40%/m);
      expect(screen).toContain('$0.12');
      expect(screen).toContain('半分 done ␛[2J');
      expect(screen).toContain('the ␛]0;disk␇');
    }

    // A change of another process.
    await q.submit('one-more');
    await terminal.shows('31 queued');

    // Roles, running tasks, dead letters: the third row is the running task.
    terminal.press('g', 'Down', 'j', 'Enter');
    await terminal.shows(/agentq top - running\n[^]*renewed/);
    terminal.press('Escape');
    await terminal.shows('31 queued');
    terminal.press('c');
    await terminal.shows('cancel running?');
    terminal.press('n');
    await terminal.shows('not cancelled');
    terminal.press('c', 'y');
    await terminal.shows('running is cancelled');
    await terminal.shows('0 working');
    expect(await q.task('running')).toMatchObject({ status: 'cancelled', cancelled_by: 'coordinator' });

    terminal.press('/');
    terminal.type('doomed');
    terminal.press('Enter');
    await terminal.shows('only doomed');
    terminal.press('r');
    await terminal.shows('doomed is queued');
    expect(await q.task('doomed')).toMatchObject({ status: 'queued' });
    // It is no dead letter any more, so the queue refuses.
    await terminal.shows('0 dead letters');
    terminal.press('r');
    await terminal.shows('doomed is queued: only failed');
    terminal.press('Escape');
    await terminal.shows(/^waiting-\d/m);

    terminal.press('?');
    await terminal.shows('In the list');
    terminal.press('q');
    terminal.press('G');
    await terminal.shows('waiting-0');

    terminal.resize(120, 40);
    const large = await drawn(terminal, 40);
    expect(large).toMatch(/^ agentq top +32 queued, 0 working, 0 dead letters/);
    expect(large).toMatch(/^waiting-\d/m);

    terminal.press('q');
    await restored(terminal, /ended with 0/);
  });

  test('follows the output of a running child, while it runs and after its end', async () => {
    const q = await workspace();
    await q.submit('talker');
    const terminal = open(q, 80, 24);
    const script =
      'echo first; while [ ! -e go ]; do sleep 0.1; done; printf "second \\033[31mred\\n"; while [ ! -e end ]; do sleep 0.1; done; echo last';
    terminal.enter(
      `"$NODE" "$AGENTQ" work --as r --until-empty -- sh -c '${script}' </dev/null >work.log 2>&1 & echo $! >worker`,
    );
    // A test that fails leaves no worker behind.
    onTestFinished(() => {
      const pid = Number(q.read('worker'));
      if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    });
    terminal.enter('clear; TERM=xterm-256color agentq top; echo ended with $?');
    await terminal.shows(/^talker[^]*\n {2}first/m);
    terminal.press('Down', 'l');
    await terminal.shows(/output of talker *\nfirst/);
    q.write('go', '');
    await terminal.shows('second ␛[31mred');
    // The log is shown again, also if nothing was added to it.
    terminal.press('q');
    await terminal.shows('1 working');
    terminal.press('l');
    await terminal.shows(/output of talker *\nfirst/);
    q.write('end', '');
    await terminal.shows(/^last/m);
    terminal.press('q');
    await terminal.shows('0 working');
    terminal.press('C-c');
    await restored(terminal, /ended with 0/);
  });

  test('restores the terminal after SIGTERM, a stop by the user, and an error of the program', async () => {
    const q = await workspace();
    await q.submit('t');
    const terminal = open(q, 80, 24);
    // npx and scripts start it as a child: all of them stop.
    terminal.enter(`sh -c '"$NODE" "$AGENTQ" top; true'`);
    await terminal.shows('1 queued');
    terminal.press('C-z');
    await terminal.until((screen) => !screen.includes('1 queued'), 'the shell');
    terminal.enter('fg >/dev/null; echo back');
    await terminal.shows('1 queued');
    terminal.press('q');
    await terminal.shows(/^back$/m);
    terminal.enter(`clear; sh -c 'echo $$ >pid; exec "$NODE" "$AGENTQ" top'; echo ended with $?`);
    await terminal.shows('1 queued');
    terminal.press('C-z');
    await terminal.until((screen) => !screen.includes('1 queued'), 'the shell');
    terminal.enter('fg >/dev/null; echo ended with $?');
    await terminal.shows('1 queued');
    process.kill(Number(q.read('pid')), 'SIGTERM');
    await restored(terminal);

    const crash = q.write(
      'crash.cjs',
      `setInterval(() => { if (require('fs').existsSync('crash')) throw new Error('by a test'); }, 50);`,
    );
    terminal.enter(`clear; "$NODE" --require ${crash} "$AGENTQ" top; echo ended with $?`);
    await terminal.shows('1 queued');
    q.write('crash', '');
    expect(await restored(terminal)).toContain('internal error: Error: by a test');
  });
});

describe('agentq top without a terminal', () => {
  test('names the command that needs none', async () => {
    const q = await workspace();
    for (const shell of [q, q.with({ tty: true, env: { TERM: 'dumb' } })])
      expect(await shell.refused('top')).toMatchObject({ code: 'usage', hint: expect.any(String) });
    const { code, stderr } = await q.run('top');
    expect(code).toBe(2);
    expect(stderr).toContain('agentq status --watch');
  });
});
