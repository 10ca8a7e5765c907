import { statSync } from 'node:fs';
import { parse } from 'node:path';
import type { ArtifactStore, Stored } from '../artifacts/store.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence.ts';
import { checkName } from '../core/identifiers.ts';
import { artifactsFolder, attemptFolder, resultPath, taskOf } from './evidence-paths.ts';

export interface NamedFile {
  readonly name: string;
  /** A file of the local disk. */
  readonly file: string;
}

/** A piece of evidence that a worker brings, before it is stored and hashed. */
export interface Brought extends NamedFile {
  /** Where it is to lie in the store. */
  readonly path: string;
  /** Whether it lies there already. */
  readonly inPlace: boolean;
  readonly size: number;
}

/**
 * The artifacts that are named, and those that the worker left in the task's folders: by the stem of their name,
 * those of its own attempt first, then those at the top, where an agent that knows only the task's id writes.
 * @throws AgentqError `unreadable-file`, `invalid-name`, `usage`
 */
export async function broughtArtifacts(
  store: ArtifactStore,
  id: string,
  attempt: number,
  named: readonly NamedFile[],
): Promise<Brought[]> {
  const brought = new Map<string, Brought>();
  for (const { name, file } of named) {
    checkName('artifact name', name);
    if (brought.has(name))
      throw new AgentqError('usage', `the artifact ${name} is named twice`, 'give each its own name');
    const place = store.pathOf(file);
    const inPlace = place?.startsWith(`${artifactsFolder(id)}/`) ?? false;
    const path = inPlace ? place! : `${attemptFolder(id, attempt)}/${name}${parse(file).ext}`;
    brought.set(name, { name, file, path, inPlace, size: await sizeOf(store, file) });
  }
  const taken = new Set([...brought.values()].map(({ path }) => path));
  for (const { name, path } of await found(store, id, attempt)) {
    if (taken.has(path) || brought.has(name)) continue;
    const file = store.locate(path);
    brought.set(name, { name, file, path, inPlace: true, size: await sizeOf(store, file) });
  }
  return [...brought.values()];
}

/** The result that the worker left where its claim said; undefined where it left none. */
export function ownResult(store: ArtifactStore, id: string, attempt: number): string | undefined {
  const file = store.locate(resultPath(id, attempt));
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0 ? file : undefined;
}

/** @throws AgentqError `unreadable-file` */
export async function broughtResult(store: ArtifactStore, id: string, attempt: number, file: string): Promise<Brought> {
  const place = store.pathOf(file);
  const inPlace = place !== undefined && parse(place).dir === 'results' && taskOf(place) === id;
  const path = inPlace ? place : resultPath(id, attempt);
  return { name: 'result', file, path, inPlace, size: await sizeOf(store, file) };
}

/** Makes it durable, in its place. */
export async function storeBrought(store: ArtifactStore, { name, file, path, inPlace }: Brought): Promise<Stored> {
  return inPlace ? { evidence: await store.adopt(path, name), created: false } : store.put(path, name, { file });
}

/** What it will be as evidence, as far as that can be said before it is read. */
export function unread({ name, path, size }: Brought): Evidence {
  return { name, path, size, sha256: '' };
}

async function sizeOf(store: ArtifactStore, file: string): Promise<number> {
  await store.examine({ file });
  return statSync(file).size;
}

async function found(store: ArtifactStore, id: string, attempt: number): Promise<{ name: string; path: string }[]> {
  const own = `${attemptFolder(id, attempt)}/`;
  const top = `${artifactsFolder(id)}/`;
  const paths = await store.scan(artifactsFolder(id));
  const mine = paths.filter((path) => path.startsWith(own)).map((path) => ({ path, inside: path.slice(own.length) }));
  const shared = paths
    .map((path) => ({ path, inside: path.slice(top.length) }))
    .filter(({ inside }) => !inside.includes('/'));
  const taken = new Map<string, string>();
  for (const { path, inside } of [...mine, ...shared]) {
    const stem = inside.includes('/') ? inside : parse(inside).name;
    const name = taken.has(stem) ? inside : stem;
    if (!taken.has(name)) taken.set(name, path);
  }
  return [...taken].map(([name, path]) => ({ name, path }));
}
