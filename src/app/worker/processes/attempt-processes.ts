import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { statField } from '../../../files/running-process.ts';
import { scratchResult } from '../../scratch.ts';
import type { Workspace } from '../../workspace/workspace.ts';
import type { Signallable } from './termination.ts';

/** The numbers of fields of a process. */
const PARENT = 4;
const PROCESS_GROUP = 5;

/**
 * The running processes of attempts at one task, also those that left their process group (setsid, a double fork). They
 * are found by the environment that the runner gave to the child and that its descendants inherit. This works only on
 * Linux, and not for a process that cleared its environment.
 */
export class AttemptProcesses implements Signallable {
  readonly #workspace: Workspace;
  readonly #id: string;
  readonly #whose: (attempt: number) => boolean;

  /** @param whose selects the attempts at the task */
  constructor(workspace: Workspace, id: string, whose: (attempt: number) => boolean) {
    this.#workspace = workspace;
    this.#id = id;
    this.#whose = whose;
  }

  /**
   * Searches the processes and signals each as soon as it is found, so that its process id cannot yet belong to another
   * process. This process and its parent processes are excluded, because a worker may run inside an attempt.
   * @returns whether there was any
   */
  signal(signal: NodeJS.Signals | 0): boolean {
    return this.#signal(signal, () => true);
  }

  /**
   * Those that have left a process group. A process that gets the signal of its group must not get it again: a second
   * SIGTERM would end the command by which a child cleans up after the first.
   */
  outside(group: number): Signallable {
    return { signal: (signal) => this.#signal(signal, (pid) => Number(statField(pid, PROCESS_GROUP)) !== group) };
  }

  #signal(signal: NodeJS.Signals | 0, concerns: (pid: number) => boolean): boolean {
    const spared = lineage();
    const found = processIds().filter(
      (pid) => !spared.has(pid) && this.#owns(pid) && concerns(pid) && send(pid, signal),
    );
    return found.length > 0;
  }

  #owns(pid: number): boolean {
    try {
      if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return false;
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const dir = valueOf(environment, 'AGENTQ_DIR');
      const attempt = Number(valueOf(environment, 'AGENTQ_ATTEMPT'));
      if (dir === undefined || !this.#whose(attempt)) return false;
      const runDir = join(dir, basename(this.#workspace.runDir));
      return (
        valueOf(environment, 'AGENTQ_TASK_ID') === this.#id &&
        // Only the runner sets this variable. So a shell in which a user has exported the others is not affected.
        valueOf(environment, 'AGENTQ_RESULT_FILE') === scratchResult({ runDir }, this.#id, attempt) &&
        this.#isOurs(pid, dir)
      );
    } catch {
      return false; // it has ended, or belongs to another user
    }
  }

  /**
   * Whether a path is the workspace from the view of the process: in a container the same path may be another folder.
   */
  #isOurs(pid: number, dir: string): boolean {
    const own = statSync(this.#workspace.dir, { throwIfNoEntry: false });
    if (!own) return dir === this.#workspace.dir;
    const other = statSync(`/proc/${pid}/root${dir}`);
    return own.dev === other.dev && own.ino === other.ino;
  }
}

function valueOf(environment: readonly string[], variable: string): string | undefined {
  return environment.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

/** This process and all its parent processes. */
function lineage(): ReadonlySet<number> {
  const found = new Set<number>();
  for (let pid = process.pid; pid > 0 && !found.has(pid); pid = Number(statField(pid, PARENT))) found.add(pid);
  return found;
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
