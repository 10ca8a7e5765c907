import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `+ GROUP` and `- GROUP` lines; at the end of its input, which comes however the worker dies, it stops the
 * groups that are left.
 */
const script = `
  groups=' '
  while read -r sign group; do
    case $sign in
      +) groups="$groups$group " ;;
      -) groups="\${groups%% $group *} \${groups#* $group }" ;;
    esac
  done
  for group in $groups; do kill -s TERM -- "-$group"; done
  [ "$groups" = ' ' ] || sleep 5
  for group in $groups; do kill -s KILL -- "-$group"; done
`;

/**
 * Sees to it that no child outlives its worker: after a kill -9 of the worker, a child that went on would do,
 * unseen, what the next worker is about to do again. A shell, since it is the smallest process that can wait;
 * started with the first child, so that an idle worker has none.
 */
export class Guard {
  readonly #groups = new Set<number>();
  #shell: ChildProcess | undefined;

  /** Sees to it that the shell runs: before a child is started, so that there is no moment without a guard. */
  open(): void {
    if (this.#shell && this.#shell.exitCode === null && this.#shell.signalCode === null) return;
    this.#shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#shell.on('error', () => {});
    this.#shell.stdin!.on('error', () => {});
    this.#shell.unref();
    for (const group of this.#groups) this.#tell('+', group);
  }

  #tell(sign: '+' | '-', group: number): void {
    this.#shell?.stdin!.write(`${sign} ${group}\n`);
  }

  watch(group: number | undefined): void {
    if (group === undefined) return;
    this.#groups.add(group);
    this.#tell('+', group);
  }

  release(group: number | undefined): void {
    if (group !== undefined && this.#groups.delete(group)) this.#tell('-', group);
  }

  close(): void {
    this.#shell?.stdin!.end();
  }
}
