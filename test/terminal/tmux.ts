import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { missing } from './shells.ts';

/** How long a text may take to appear, in ms: a bound for a busy machine. */
const PATIENCE = 60_000;

/** The time to the second look at the screen, in ms. Each look starts a program, so the others come later and later. */
const LOOK = 50;
const LATEST_LOOK = 500;

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Why no test can use tmux on this machine; undefined if it is there. Installs it if the user may. */
export const noTmux: string | undefined = missing('tmux').get('tmux');

function run(command: string, ...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: PATIENCE });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}` };
}

/** A shell in a terminal emulator: a tmux server of its own with one window. */
export class Terminal implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'agentq-tmux-'));

  constructor({ columns, rows, cwd, env = {} }: TerminalOptions) {
    const size = ['-x', String(columns), '-y', String(rows)];
    const variables = Object.entries({ PS1: 'shell> ', ...env }).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, '-c', cwd, ...variables, 'sh');
    this.#tmux('set-option', '-s', 'escape-time', '0');
    this.#tmux('set-option', '-g', 'status', 'off');
    this.resize(columns, rows);
  }

  #tmux(...args: readonly string[]): string {
    const { ok, output } = run('tmux', '-S', join(this.#folder, 'socket'), '-u', ...args);
    if (!ok) throw new Error(`tmux ${args.join(' ')}: ${output}`);
    return output;
  }

  /** Types a text, as it is. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', '--', text);
  }

  /** Presses keys by their names in tmux: `Enter`, `Down`, `NPage`, `C-c`. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  /** Types a command line. */
  enter(command: string): void {
    this.type(command);
    this.press('Enter');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The lines of the screen, without blanks at their ends. */
  lines(): string[] {
    return this.#tmux('capture-pane', '-p').replace(/\n$/, '').split('\n');
  }

  /** The same, with each line that the terminal has broken as one line. */
  joinedLines(): string[] {
    const text = this.#tmux('capture-pane', '-p', '-J').replace(/\n$/, '');
    return text.split('\n').map((line) => line.trimEnd());
  }

  get screen(): string {
    return this.lines().join('\n');
  }

  /** Whether the program draws on the alternate screen. */
  get isAlternate(): boolean {
    return this.#tmux('display-message', '-p', '#{alternate_on}').trim() === '1';
  }

  get cursorIsVisible(): boolean {
    return this.#tmux('display-message', '-p', '#{cursor_flag}').trim() === '1';
  }

  /** Waits until the screen shows a text. @returns the screen @throws with the screen, if it does not */
  async shows(text: string | RegExp): Promise<string> {
    return this.until((screen) => (typeof text === 'string' ? screen.includes(text) : text.test(screen)), String(text));
  }

  async until(holds: (screen: string) => boolean, what: string): Promise<string> {
    const deadline = Date.now() + PATIENCE;
    for (let look = LOOK; ; look = Math.min(look * 1.2, LATEST_LOOK)) {
      const screen = this.screen;
      if (holds(screen)) return screen;
      if (Date.now() >= deadline) throw new Error(`the screen does not show ${what}:\n${screen}`);
      await pause(look);
    }
  }

  [Symbol.dispose](): void {
    run('tmux', '-S', join(this.#folder, 'socket'), 'kill-server');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
