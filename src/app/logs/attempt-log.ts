import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence } from '../../core/evidence/evidence.ts';
import type { Attempt, Task } from '../../core/task/task.ts';
import { attemptFolder, placeOf } from '../evidence/evidence-paths.ts';
import { evidenceOf } from '../evidence/verify.ts';
import { scratchFolder } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';

/** The log of an attempt: recorded in the store, or a file of this machine that is not recorded. */
export type AttemptLog =
  { readonly evidence: Evidence; readonly file?: undefined } | { readonly evidence?: undefined; readonly file: string };

type Local = Pick<Services, 'store' | 'workspace'>;

/** The path of the log in the store. */
export function logPath(id: string, attempt: number): string {
  return `${attemptFolder(id, attempt)}/log.txt`;
}

/** The file into which a worker of this machine writes what its child prints, until the attempt has ended. */
export function liveLog({ workspace }: Pick<Services, 'workspace'>, id: string, attempt: number): string {
  return join(scratchFolder(workspace, id, attempt), 'log.txt');
}

/** @returns undefined if there is no log, or it is on another machine */
export function logOf(services: Local, task: Task, attempt: number): AttemptLog | undefined {
  const evidence = evidenceOf(task).find(({ name, path }) => {
    const place = placeOf(path);
    return name === 'log' && place?.kind === 'artifact' && place.id === task.id && place.attempt === attempt;
  });
  if (evidence) return { evidence };
  const file = unrecordedLog(services, task.id, attempt);
  return file === undefined ? undefined : { file };
}

/**
 * A log that no event has recorded: of a running attempt, of a worker that was killed, or of a version of agentq that
 * did not record the logs of cancelled attempts.
 */
export function unrecordedLog(services: Local, id: string, attempt: number): string | undefined {
  const live = liveLog(services, id, attempt);
  if (lstatSync(live, { throwIfNoEntry: false })?.isFile()) return live;
  const { staging } = services.store;
  const path = logPath(id, attempt);
  const { paths } = staging.scan(attemptFolder(id, attempt), () => false);
  return paths.includes(path) ? staging.locate(path) : undefined;
}

/** Why an attempt has no log here, for people. */
export function whyNoLog({ backend }: Services, { id }: Task, { number, worker, outcome }: Attempt): string {
  const subject = `attempt ${number} of ${id}`;
  if (outcome === undefined && backend.place)
    return `${subject} has no log yet: ${worker} runs it on another machine, or has claimed it by hand`;
  if (outcome === undefined) return `${subject} has no log: ${worker} has claimed it by hand`;
  return `${subject} has no log: ${worker} had claimed it by hand, or its program printed nothing`;
}
