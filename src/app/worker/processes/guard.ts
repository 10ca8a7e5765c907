import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads `+ GROUP FILE` and `- GROUP` lines; at the end of its input, which also comes if the worker is killed, it stops
 * the remaining groups. On Linux it also stops processes that left their group: they have the result file of a group in
 * their environment. A group that begins with `?` has no number yet: it is found only by its result file.
 */
const script = `
  nl='
'
  left=$nl
  while read -r sign group file; do
    case $sign in
      +) left="$left$group $file$nl" ;;
      -) after=\${left#*"$nl$group "}; left="\${left%%"$nl$group "*}$nl\${after#*"$nl"}" ;;
    esac
  done
  signal() {
    signal=$1
    printf %s "$left" | while read -r group file; do
      [ -n "$group" ] || continue
      [ "\${group#"?"}" = "$group" ] && kill -s "$signal" -- "-$group"
      [ -n "$file" ] || continue
      for environ in $(grep -lsF -e "AGENTQ_RESULT_FILE=$file" /proc/[0-9]*/environ); do
        pid=\${environ%/environ}
        [ -O "$environ" ] && stat=$(cat "$pid/stat" 2>/dev/null) || continue
        # Its fields after the name: state, parent, group. The members of the group have got the signal.
        set -- \${stat##*") "}
        [ "$3" = "$group" ] || kill -s "$signal" "\${pid#/proc/}"
      done
    done
  }
  [ "$left" != "$nl" ] || exit 0
  signal TERM
  sleep 5
  signal KILL
`;

/** Identifies a child of a runner among other processes. The guard of a worker inside a child is excluded. */
const own: ReadonlySet<string> = new Set(['AGENTQ_TASK_ID', 'AGENTQ_ATTEMPT', 'AGENTQ_RESULT_FILE']);

/** A guarded child: its process group and the result file in its environment. */
interface Guarded {
  readonly group: number;
  readonly resultFile: string;
}

/**
 * Makes sure that no child outlives its worker. After a `kill -9` of the worker, a remaining child would do the same
 * work as the next worker, without control. The guard is a shell, because that is the smallest process that can wait.
 * It is started with the first child, so that an idle worker has none.
 */
export class Guard {
  readonly #env: NodeJS.ProcessEnv;
  readonly #guarded = new Map<number, Guarded>();
  #opened = 0;
  #shell: ChildProcess | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = Object.fromEntries(Object.entries(env).filter(([name]) => !own.has(name)));
  }

  /**
   * Guards a child that is about to be started: the worker may be killed after that, and before it knows the group.
   * @returns to be called when the child was started, with its group; without one if it could not be started
   */
  expect(resultFile: string): (group: number | undefined) => void {
    this.#open();
    const name = `?${++this.#opened}`;
    this.#tell(added(name, resultFile));
    return (group) => {
      if (group !== undefined) this.#watch({ group, resultFile });
      this.#tell(`- ${name}`);
    };
  }

  #open(): void {
    if (this.#shell && this.#shell.exitCode === null && this.#shell.signalCode === null) return;
    const stdio = ['pipe', 'ignore', 'ignore'] as const;
    this.#shell = spawn('/bin/sh', ['-c', script], { env: this.#env, detached: true, stdio: [...stdio] });
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {}); // missing if the process has no more file descriptors
    this.#shell.unref();
    for (const { group, resultFile } of this.#guarded.values()) this.#tell(added(group, resultFile));
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }

  #watch(one: Guarded): void {
    this.#guarded.set(one.group, one);
    this.#tell(added(one.group, one.resultFile));
  }

  release(group: number): void {
    if (this.#guarded.delete(group)) this.#tell(`- ${group}`);
  }

  close(): void {
    this.#shell?.stdin?.end();
  }
}

/** A path with a line break cannot be sent in a line. For such a child only the process group is guarded. */
function added(group: number | string, resultFile: string): string {
  return `+ ${group} ${resultFile.includes('\n') ? '' : resultFile}`;
}
