import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Backend, QueuePlace } from '../../backend/backend.ts';
import { AgentqError, type ErrorCode, type Refusal } from '../../core/errors.ts';
import type { Services } from '../workspace/services.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type OutboxCommand, type OutboxEntry, REFUSED, waitingInOutbox, writeInOutbox } from './outbox.ts';
import { readEntry } from './read-entry.ts';
import { keepSaidReasons, saidReasons } from './said-reasons.ts';

/** The reason why each file waits, by file name. */
type Reasons = ReadonlyMap<string, string>;

const reasons = new WeakMap<Workspace, Reasons>();

/** The reasons that this process has said. A worker flushes often and says each reason once. */
const saidHere = new WeakMap<Workspace, Reasons>();

/** Why a file of the outbox waits, according to the last flush of this process. */
export function whyWaiting(workspace: Workspace, name: string): string | undefined {
  return reasons.get(workspace)?.get(name);
}

/**
 * Sends the waiting commands of the outbox to the queue, oldest first. Two processes may do this at the same time: a
 * repeated command changes nothing. An entry for another queue stays in the outbox, and so does an entry that the
 * broker does not accept because of the login, a right or a missing queue. The next entries are sent.
 * @param once whether a reason that another process has said is not said again: for short commands
 * @throws AgentqError `unreachable` if the outage continues; the remaining commands stay in the outbox
 */
export async function flushOutbox(services: Services, say: (line: string) => void, once = false): Promise<void> {
  const { workspace } = services;
  const waiting = new Map<string, Waiting>();
  // The same obstacle holds up the next entries of the same type and role, and the next entries of the same task.
  const obstacles = new Map<string, string>();
  for (const name of waitingInOutbox(workspace)) {
    const path = join(workspace.dir, 'outbox', name);
    const entry = readEntry(path);
    if (!entry) {
      // A file that is gone was sent by another process.
      if (existsSync(path)) waiting.set(name, { subject: path, reason: 'the file is not readable' });
      continue;
    }
    const { task_id, command } = entry;
    const keys = [`task ${task_id}`, `${command.type} ${roleOf(command)}`];
    const elsewhere = otherQueue(entry, services.backend);
    const known = elsewhere ?? keys.map((key) => obstacles.get(key)).find((reason) => reason);
    const told = known === undefined ? await tell(services, entry) : { waits: known };
    if (told?.waits !== undefined) {
      waiting.set(name, { subject: task_id, reason: told.waits });
      if (elsewhere === undefined) for (const key of keys) obstacles.set(key, told.waits);
      continue;
    }
    if (told?.refusal) putAside(workspace, name, entry, told.refusal);
    rmSync(path, { force: true });
    const done = command.type === 'submit' ? 'submitted' : command.type === 'complete' ? 'completed' : 'failed';
    const outcome = told?.refusal ? `the queue has refused it: ${told.refusal.message}` : 'the queue has recorded it';
    say(`${task_id} was ${done} during the outage; ${outcome}`);
  }
  sayNew(workspace, waiting, say, once);
}

interface Waiting {
  readonly subject: string;
  readonly reason: string;
}

/** One line for each reason that is new. */
function sayNew(
  workspace: Workspace,
  waiting: ReadonlyMap<string, Waiting>,
  say: (line: string) => void,
  once: boolean,
): void {
  const here = saidHere.get(workspace) ?? new Map<string, string>();
  const before = once ? saidReasons(workspace) : here;
  const fresh = [...waiting].filter(([name, { reason }]) => before.get(name) !== reason);
  for (const [reason, of] of Map.groupBy(fresh, ([, { reason }]) => reason)) {
    const subject = of[0]![1].subject;
    const more = of.length - 1;
    say(`${more === 0 ? `${subject} waits` : `${subject} and ${more} more wait`} in the outbox: ${reason}`);
  }
  const present = reasonsOf(waiting);
  reasons.set(workspace, present);
  saidHere.set(workspace, new Map([...here, ...reasonsOf(fresh)].filter(([name]) => present.has(name))));
  if (fresh.length > 0 || waiting.size === 0) keepSaidReasons(workspace, present);
}

function reasonsOf(waiting: Iterable<readonly [string, Waiting]>): Reasons {
  return new Map([...waiting].map(([name, { reason }]) => [name, reason]));
}

function roleOf(command: OutboxCommand): string {
  return command.type === 'submit' ? command.envelope.to : command.by;
}

/** Why an entry is not for this queue; undefined if it is. */
export function otherQueue({ place }: OutboxEntry, backend: Backend): string | undefined {
  if (!place || isDeepStrictEqual({ ...place }, { ...backend.place })) return undefined;
  return `it is for another queue: ${inWords(place)}`;
}

function inWords(place: QueuePlace): string {
  return Object.entries(place)
    .map(([what, name]) => `${what} ${name}`)
    .join(', ');
}

/** A refusal in one line. */
export function withHint({ message, hint }: { readonly message: string; readonly hint?: string | undefined }): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

/** Errors caused by the login, the rights or the queues of the broker. The entry is not the cause. */
const obstructing: ReadonlySet<ErrorCode> = new Set(['denied', 'topology']);

/** Errors caused by the content of the entry. */
const refusing: ReadonlySet<ErrorCode> = new Set(['invalid-name', 'too-large']);

/** @returns why it is refused, or why it has to wait; undefined if the queue has accepted it */
async function tell(
  { backend, clock }: Services,
  { task_id, command, at }: OutboxEntry,
): Promise<{ readonly refusal?: Refusal; readonly waits?: string } | undefined> {
  try {
    // The entry has the time of this machine, and the backend its own.
    const [outcome] = await backend.commit([{ task_id, command, at: at + backend.now - clock() }]);
    const refusal = outcome?.refusal;
    return refusal && { refusal };
  } catch (error) {
    if (!(error instanceof AgentqError)) throw error;
    if (obstructing.has(error.code)) return { waits: withHint(error) };
    if (refusing.has(error.code)) return { refusal: error };
    throw error;
  }
}

/** Saves a refused entry with the reason under a name that a flush ignores. */
function putAside(workspace: Workspace, name: string, entry: OutboxEntry, { message, hint }: Refusal): void {
  try {
    writeInOutbox(workspace, `${name}${REFUSED}`, { ...entry, refused: { message, hint } });
  } catch (error) {
    throw new AgentqError('storage', (error as Error).message);
  }
}
