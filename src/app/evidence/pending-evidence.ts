import { lstatSync, statSync } from 'node:fs';
import { parse } from 'node:path';
import type { ArtifactStore, FileSource, Piece } from '../../artifacts/store.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { checkName, nearestArtifactName } from '../../core/identifiers.ts';
import type { Attempt } from '../../core/task/task.ts';
import { artifactsFolder, attemptFolder, claimOf, type EvidencePlace, placeOf, resultPath } from './evidence-paths.ts';

export interface NamedFile {
  readonly name: string;
  /** A file of the local disk. */
  readonly file: string;
}

/** A piece of evidence from a worker, before it is stored and hashed. */
export interface PendingEvidence extends FileSource {
  readonly name: string;
  /** Its path in the store. */
  readonly path: string;
  /** Whether it is already there. */
  readonly inPlace: boolean;
  readonly size: number;
}

/** The attempt whose evidence is collected. It was claimed, or it only names its files. */
export interface EvidenceOwner {
  readonly id: string;
  readonly number: number;
  /** Absent if it was not claimed. */
  readonly attempt?: Attempt | undefined;
  /** Receives a warning for each nearby file that is left out. */
  readonly warn: (line: string) => void;
  /** Receives links and other entries that are no regular files, if the attempt left any. */
  readonly onIrregular: (line: string) => void;
}

/**
 * The named artifacts, and the files that the attempt wrote into its own folder since its claim, named by the stem of
 * the file name. Older files and files in other places may belong to another attempt, so they must be named.
 * @throws AgentqError `unreadable-file`, `invalid-name`, `usage`
 */
export async function pendingArtifacts(
  store: ArtifactStore,
  owner: EvidenceOwner,
  named: readonly NamedFile[],
): Promise<PendingEvidence[]> {
  const { id, number } = owner;
  const pending = new Map<string, PendingEvidence>();
  for (const { name, file } of named) {
    checkName('artifact name', name);
    if (pending.has(name))
      throw new AgentqError('usage', `the artifact ${name} is named twice`, 'give each its own name');
    const known = pathIn(store, file, 'artifact', id);
    const inPlace = known !== undefined;
    const path = known ?? `${attemptFolder(id, number)}/${name}${parse(file).ext}`;
    pending.set(name, { name, file, path, inPlace, size: await sizeOf(store, { file }) });
  }
  const taken = new Set([...pending.values()].map(({ path }) => path));
  for (const [name, path] of await found(store, owner, taken)) {
    if (taken.has(path) || pending.has(name)) continue;
    const source = { file: store.locate(path), own: true };
    pending.set(name, { name, ...source, path, inPlace: true, size: await sizeOf(store, source) });
  }
  return [...pending.values()];
}

/** The result file at the path from the claim; undefined if the attempt wrote none. */
export async function ownResult(store: ArtifactStore, owner: EvidenceOwner): Promise<FileSource | undefined> {
  const { id, number, attempt, warn } = owner;
  const path = resultPath(id, number);
  const file = store.locate(path);
  if (!(lstatSync(file, { throwIfNoEntry: false })?.size ?? 0)) return undefined;
  const written = attempt && (await store.writtenSince(attemptFolder(id, number), claimOf(attempt), [path]));
  if (written?.length) return { file, own: true };
  warn(`${path} is left out: ${leftOut(attempt)}; name it with --result-file`);
  return undefined;
}

/** @throws AgentqError `unreadable-file` */
export async function pendingResult(
  store: ArtifactStore,
  { id, number }: EvidenceOwner,
  source: FileSource,
): Promise<PendingEvidence> {
  const known = pathIn(store, source.file, 'result', id);
  const path = known ?? resultPath(id, number);
  return { name: 'result', ...source, path, inPlace: known !== undefined, size: await sizeOf(store, source) };
}

/** The path of a file in the store if it is in a place of that kind of this task. */
function pathIn(store: ArtifactStore, file: string, kind: EvidencePlace['kind'], id: string): string | undefined {
  const path = store.pathOf(file);
  const place = path === undefined ? undefined : placeOf(path);
  return place?.kind === kind && place.id === id ? path : undefined;
}

/** The request to the store. */
export function pieceOf({ name, file, own, path, inPlace }: PendingEvidence): Piece {
  return { name, path, ...(!inPlace && { source: { file, ...(own && { own }) } }) };
}

/** The expected record, as far as it is known before the file is read. */
export function unread({ name, path, size }: PendingEvidence): Evidence {
  return { name, path, size, sha256: '' };
}

async function sizeOf(store: ArtifactStore, source: FileSource): Promise<number> {
  await store.examine(source);
  return (source.own ? lstatSync(source.file) : statSync(source.file)).size;
}

/**
 * The files that the attempt wrote into its folder, by name.
 * @param named files that are skipped, because they are named
 * @throws AgentqError `unreadable-file` if a part of the folder is not readable
 */
async function found(store: ArtifactStore, owner: EvidenceOwner, named: Set<string>): Promise<Map<string, string>> {
  const { id, number, attempt, warn, onIrregular } = owner;
  const folder = attemptFolder(id, number);
  const { paths, closed, unnamed, irregular } = await store.scan(folder);
  const [first] = closed;
  if (attempt && first) throw new AgentqError('unreadable-file', `${first.path}: ${first.problem}`, 'check its mode');
  const own = attempt ? await store.writtenSince(folder, claimOf(attempt), paths) : [];
  const top = (await store.scan(artifactsFolder(id))).paths.filter(isInNoAttempt);
  const fresh = new Set(own);
  warnOf(
    [...top, ...paths.filter((path) => !fresh.has(path))].filter((path) => !named.has(path)),
    attempt,
    warn,
  );
  if (unnamed.length > 0) warn(`left out, because their names are not UTF-8: ${few(unnamed)}`);
  const odd = irregular.filter(({ path }) => !named.has(path)).map(({ path, kind }) => `${path} (${kind})`);
  if (odd.length > 0) onIrregular(`left out, because only regular files are kept: ${few(odd)}`);
  return namesOf(own, folder);
}

/** Whether it is in the folder of the task's artifacts, and not in the folder of an attempt. */
function isInNoAttempt(path: string): boolean {
  const place = placeOf(path);
  return place?.kind === 'artifact' && place.attempt === undefined;
}

function warnOf(paths: readonly string[], attempt: Attempt | undefined, warn: EvidenceOwner['warn']): void {
  if (paths.length > 0) warn(`${few(paths)}: left out, ${leftOut(attempt)}; name it with --artifact NAME=PATH`);
}

function leftOut(attempt: Attempt | undefined): string {
  return attempt
    ? 'not written by this attempt in its own place since it was claimed'
    : 'no worker has claimed the task';
}

function few(paths: readonly string[]): string {
  const more = paths.length - 3;
  return paths.slice(0, 3).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Names an artifact by the stem of its file name. If two have the same stem, the second gets its whole name, or else a
 * number.
 */
function namesOf(paths: readonly string[], folder: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of paths) {
    const parts = path.slice(folder.length + 1).split('/');
    const whole = parts.map(nearestArtifactName).join('/');
    const stem = parts.length > 1 ? whole : nearestArtifactName(parse(parts[0]!).name);
    let name = names.has(stem) ? whole : stem;
    for (let n = 2; names.has(name); n++) name = `${whole}-${n}`;
    names.set(name, path);
  }
  return names;
}
