import { AgentqError } from '../../core/errors.ts';
import { type Attempt, isFinished, type Task } from '../../core/task/task.ts';
import { findTask } from '../change/apply-command.ts';
import { fetchEvidence } from '../evidence/verify.ts';
import { patience, type Services } from '../workspace/services.ts';
import { type AttemptLog, liveLog, logOf, whyNoLog } from './attempt-log.ts';
import { type Followed, followFile, LAST_WORDS } from './follow-file.ts';
import type { LogOutput } from './log-output.ts';
import { LogReader } from './log-reader.ts';

export interface LogRequest {
  readonly id: string;
  /** The latest one by default. */
  readonly attempt?: number | undefined;
  /** Begin with this number of last lines. */
  readonly tail?: number | undefined;
}

/**
 * Prints what the program of an attempt has printed so far.
 * @throws AgentqError `not-found` if there is no such attempt, or it has no log; `drift` if its recorded log was changed
 */
export async function printLog(services: Services, request: LogRequest, output: LogOutput): Promise<void> {
  // If the attempt ends meanwhile, its log moves into the store.
  for (let tries = 1; ; tries++) {
    const task = await findTask(services, request.id);
    const attempt = chosen(services, task, request.attempt);
    const log = logOf(services, task, attempt.number);
    try {
      if (log) return void (await printStored(services, log, attempt.number, output, request.tail));
      if (tries > 1) throw notFound(services, task, whyNoLog(services, task, attempt));
    } catch (error) {
      if (!isMissing(error) || tries > 1) throw error;
    }
  }
}

/** How long to look often for the log of an attempt that has just begun, in ms, and how often. */
const BEGINNING = 5_000;
const OFTEN = 100;

/**
 * Prints the log of the attempt while it grows, and of the attempts after it, until the task has ended. If the request
 * names an attempt, it ends with this one.
 */
export async function followLogs(
  services: Services,
  request: LogRequest,
  output: LogOutput,
  signal: AbortSignal,
): Promise<void> {
  const { backend, monotonic } = services;
  using watch = backend.watch('changed');
  let task = await findTask(services, request.id);
  if (request.attempt !== undefined) chosen(services, task, request.attempt);
  let next = request.attempt ?? task.attempts.at(-1)?.number ?? 1;
  let { tail } = request;
  /** The attempt that is waited for: since when, and whether it was said that it has no log. */
  let began: { readonly attempt: number; readonly at: number; isSaid: boolean } | undefined;
  while (!signal.aborted) {
    const attempt = task.attempts.find(({ number }) => number >= next);
    if (!attempt && isFinished(task)) return;
    if (attempt?.number !== began?.attempt)
      began = attempt && { attempt: attempt.number, at: monotonic(), isSaid: false };
    const log = attempt && logOf(services, task, attempt.number);
    const isNew = began !== undefined && monotonic() < began.at + BEGINNING;
    const stopsAt = attempt && stopsBy(task, attempt);
    const isOver = attempt?.outcome !== undefined && !(stopsAt !== undefined && backend.now < stopsAt);
    if (attempt && began && !log && !began.isSaid && (isOver || !isNew)) {
      began.isSaid = true;
      output.say(whyNoLog(services, task, attempt));
    }
    if (attempt && (log || isOver)) {
      const part = { id: task.id, attempt: attempt.number, tail, watch, signal };
      try {
        if (log && !(await printAll(services, log, part, output))) return;
        if (request.attempt !== undefined) return;
        next = attempt.number + 1;
        tail = undefined;
      } catch (error) {
        // The attempt has just ended, and its log has moved into the store.
        if (!isMissing(error)) throw error;
      }
      task = await findTask(services, request.id);
      continue;
    }
    const rung = await watch.wait(isNew ? OFTEN : patience(services, stopsAt), signal);
    // The log of a new attempt appears without a ring. Only the file is looked for that often.
    if (rung) task = (await backend.lastKnown(request.id)) ?? task;
    else if (!isNew) task = await findTask(services, request.id);
  }
}

/**
 * Until when a cancelled attempt may still bring its log from another machine, by the clock of the backend. Undefined for
 * all others.
 */
function stopsBy(task: Task, { outcome }: Attempt): number | undefined {
  if (task.status !== 'cancelled' || outcome !== 'cancelled' || task.stopped_at !== undefined) return undefined;
  return task.cancelled_at + LAST_WORDS;
}

/** @returns false if the reader has gone away */
function printAll(
  services: Services,
  log: AttemptLog,
  part: Omit<Followed, 'file'>,
  output: LogOutput,
): Promise<boolean> {
  output.begin(part.attempt);
  const isLive = !log.evidence && log.file === liveLog(services, part.id, part.attempt);
  return isLive
    ? followFile(services, { ...part, file: log.file }, output)
    : printStored(services, log, part.attempt, output, part.tail);
}

/** @returns false if the reader has gone away */
async function printStored(
  services: Services,
  log: AttemptLog,
  attempt: number,
  { take, end }: LogOutput,
  tail: number | undefined,
): Promise<boolean> {
  using reader = new LogReader(log.evidence ? await fetchEvidence(services, log.evidence) : log.file);
  if (tail !== undefined) reader.skipToLast(tail);
  const goesOn = reader.read((bytes) => take(attempt, bytes));
  end(attempt);
  return goesOn;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** The named attempt, or the latest one. */
function chosen(services: Services, task: Task, number: number | undefined): Attempt {
  const attempt = number === undefined ? task.attempts.at(-1) : task.attempts.find((one) => one.number === number);
  if (attempt) return attempt;
  const problem =
    number === undefined ? `${task.id} is ${task.status}: no attempt has begun` : `${task.id} has no attempt ${number}`;
  throw notFound(services, task, problem);
}

function notFound(services: Services, task: Task, problem: string): AgentqError {
  const others = task.attempts.map(({ number }) => number).filter((one) => logOf(services, task, one));
  const hint = isFinished(task) ? `agentq show ${task.id}` : `agentq logs ${task.id} --follow waits for one`;
  if (others.length === 0) return new AgentqError('not-found', problem, hint);
  const which = others.length === 1 ? `attempt ${others[0]} has one` : `attempts ${others.join(', ')} have one`;
  return new AgentqError('not-found', problem, `${which}: agentq logs ${task.id} --attempt ${others.at(-1)}`);
}
