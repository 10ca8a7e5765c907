import { parse } from 'node:path';
import type { Stored } from '../artifacts/store.ts';
import type { CommandOf } from '../core/command.ts';
import type { Evidence } from '../core/evidence.ts';
import { checkName } from '../core/identifiers.ts';
import { INSISTING, refuseSecret } from '../core/secrets.ts';
import type { Task } from '../core/task.ts';
import { artifactsFolder, attemptFolder, resultPath } from './evidence-paths.ts';
import { findTask, obey } from './obey.ts';
import type { Services } from './services.ts';

export interface CompleteRequest {
  readonly id: string;
  readonly by: string;
  readonly attempt?: number | undefined;
  readonly summary?: string | undefined;
  /** A file of the local disk. */
  readonly resultFile?: string | undefined;
  readonly artifacts: readonly NamedFile[];
  readonly allowSecret: boolean;
}

export interface NamedFile {
  readonly name: string;
  readonly file: string;
}

/**
 * Records the outcome of an attempt: first the evidence, durably in its place, then the event that names it.
 * What was stored for a completion that is refused is taken back; what the worker wrote itself stays.
 */
export async function complete(
  services: Services,
  request: CompleteRequest,
): Promise<{ task: Task; changed: boolean }> {
  const { id, by, attempt, summary } = request;
  if (!request.allowSecret) refuseSecret(summary, 'the summary', INSISTING);
  const task = await findTask(services, id);
  const stored: Stored[] = [];
  try {
    const { result, artifacts } = await gather(services, task, request, stored);
    const command: CommandOf<'complete'> = {
      type: 'complete',
      by,
      attempt,
      artifacts,
      ...(result && { result }),
    };
    return await obey(services, id, summary === undefined ? command : { ...command, summary });
  } catch (error) {
    for (const one of stored) await services.store.discard(one);
    throw error;
  }
}

async function gather(
  services: Services,
  task: Task,
  request: CompleteRequest,
  stored: Stored[],
): Promise<{ result?: Evidence | undefined; artifacts: Evidence[] }> {
  const { store } = services;
  const { id } = task;
  const attempt = request.attempt ?? (task.attempts.at(-1)?.number || 1);
  const keep = async (path: string, { name, file }: NamedFile): Promise<Evidence> => {
    const put = await store.put(path, name, { file });
    stored.push(put);
    return put.evidence;
  };

  const artifacts = new Map<string, Evidence>();
  for (const given of request.artifacts) {
    const name = checkName('artifact name', given.name);
    const place = store.pathOf(given.file);
    const own = place?.startsWith(`${artifactsFolder(id)}/`);
    const target = `${attemptFolder(id, attempt)}/${name}${parse(given.file).ext}`;
    artifacts.set(name, own ? await store.adopt(place!, name) : await keep(target, given));
  }
  const recorded = new Set([...artifacts.values()].map((evidence) => evidence.path));
  for (const { name, path } of await findArtifacts(services, id, attempt)) {
    if (recorded.has(path) || artifacts.has(name)) continue;
    artifacts.set(name, await store.adopt(path, name));
  }
  const result = request.resultFile === undefined ? undefined : await keepResult(request.resultFile, id, attempt);
  return { result, artifacts: [...artifacts.values()] };

  async function keepResult(file: string, id: string, attempt: number): Promise<Evidence> {
    const place = store.pathOf(file);
    const own = place !== undefined && parse(place).dir === 'results' && parse(place).name.split('~')[0] === id;
    return own ? store.adopt(place, 'result') : keep(resultPath(id, attempt), { name: 'result', file });
  }
}

/**
 * The files that the worker left in the task's artifacts folder, by the stem of their name: those of its own
 * attempt first, then those at the top, where an agent that knows only the task's id writes.
 */
async function findArtifacts(
  { store }: Services,
  id: string,
  attempt: number,
): Promise<{ name: string; path: string }[]> {
  const own = `${attemptFolder(id, attempt)}/`;
  const top = `${artifactsFolder(id)}/`;
  const found: { name: string; path: string }[] = [];
  const taken = new Set<string>();
  for (const folder of [own, top]) {
    for (const path of await store.scan(folder.slice(0, -1))) {
      const inside = path.slice(folder.length);
      if (folder === top && inside.includes('/')) continue;
      const stem = inside.includes('/') ? inside : parse(inside).name;
      const name = taken.has(stem) ? inside : stem;
      if (taken.has(name)) continue;
      taken.add(name);
      found.push({ name, path });
    }
  }
  return found;
}
