import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processAndAbove, type RunningProcess } from '../../files/running-process.ts';
import type { Services } from '../workspace/services.ts';

/** The name of a coordinator that has no other. */
export const DEFAULT_AGENT = 'coordinator';

/** How long the use of the default name counts, and how often it is noted, in ms. */
const COUNTS_FOR = 3_600_000;
const NOTED_EVERY = 600_000;

/**
 * Programs between an agent and its commands. The nearest other process above a command is its agent: it lives longer
 * than the shells that it starts, and all of them are below it.
 */
const BETWEEN =
  /^(?:(?:ba|da|z|fi|k|a)?sh|busybox|env|make|nice|nohup|script|setsid|stdbuf|sudo|su|time|timeout|xargs|npm.*|npx.*|pnpm.*|yarn.*)$/;

/** That an agent has used the default name. The file has the id of its process as its name. */
interface Note {
  /** The agent, and the processes above it. */
  readonly chain: readonly RunningProcess[];
  /** ms since 1970. */
  readonly at: number;
  /** Whether it was told of another agent. */
  readonly told: boolean;
}

/**
 * Notes that the agent above this process uses the default name.
 * @param above the processes above this one, the parent first
 * @returns another running agent that used it within the last hour; undefined if this agent was already told, and if
 *   either is unknown: processes of another container or another machine
 */
export function otherOfDefaultName(
  { workspace, clock }: Services,
  above: Iterable<RunningProcess>,
): RunningProcess | undefined {
  const agents = agentsIn(above);
  const agent = agents.next().value;
  if (!agent) return undefined;
  const folder = join(workspace.dir, 'sessions');
  try {
    const { file, folder: folderMode } = workspace.modes;
    const now = clock();
    const last = noteIn(folder, agent.pid);
    const own = last && isSame(last.chain[0]!, agent) ? last : undefined;
    if (!own) mkdirSync(folder, { recursive: true, mode: folderMode });
    const chain = own?.chain ?? [agent, ...agents];
    const other = own?.told ? undefined : otherIn(folder, chain, now);
    if (!own || other || now - own.at > NOTED_EVERY) {
      const note: Note = { chain, at: now, told: (own?.told ?? false) || other !== undefined };
      writeFileSync(join(folder, String(agent.pid)), JSON.stringify(note), { mode: file });
    }
    return other;
  } catch {
    // It is only advice. The workspace may be read-only.
    return undefined;
  }
}

function* agentsIn(above: Iterable<RunningProcess>): Generator<RunningProcess, undefined> {
  for (const process of above) if (!BETWEEN.test(process.name)) yield process;
}

/** The agent of a note that is neither above this one nor below it. Removes the notes of processes that have ended. */
function otherIn(folder: string, chain: readonly RunningProcess[], now: number): RunningProcess | undefined {
  let found: RunningProcess | undefined;
  for (const name of readdirSync(folder)) {
    if (name === String(chain[0]!.pid)) continue;
    const note = noteIn(folder, Number(name));
    const agent = note?.chain[0];
    if (!agent || !runs(agent)) rmSync(join(folder, name), { force: true });
    else if (now - note.at < COUNTS_FOR && !isRelated(note.chain, chain)) found = agent;
  }
  return found;
}

/** Whether one agent is above the other one, or both are the same. */
function isRelated(one: readonly RunningProcess[], other: readonly RunningProcess[]): boolean {
  return other.some((process) => isSame(process, one[0]!)) || one.some((process) => isSame(process, other[0]!));
}

const isSame = (one: RunningProcess, other: RunningProcess) => one.pid === other.pid && one.start === other.start;

function runs(agent: RunningProcess): boolean {
  const { value } = processAndAbove(agent.pid).next();
  return value !== undefined && isSame(value, agent);
}

function noteIn(folder: string, pid: number): Note | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, String(pid)), 'utf8')) as Note;
  } catch {
    return undefined;
  }
}
