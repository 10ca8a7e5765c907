import { lstatSync } from 'node:fs';
import { parse } from 'node:path';
import type { Staging } from '../../artifacts/staging.ts';
import type { ArtifactStore, Source, Stored } from '../../artifacts/store.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { promisedArtifacts } from '../../core/evidence/promise.ts';
import { checkName, nearestArtifactName } from '../../core/identifiers.ts';
import { checkSource, type FileSource } from '../../files/source-file.ts';
import type { Attempt, Task } from '../../core/task/task.ts';
import { artifactsFolder, attemptFolder, claimOf, type EvidencePlace, placeOf, resultPath } from './evidence-paths.ts';

export interface NamedFile {
  readonly name: string;
  /** A file of the local disk. */
  readonly file: string;
}

/** A piece of evidence from a worker, before the change that names it. */
export interface PendingEvidence {
  readonly name: string;
  /** Its path in the store. */
  readonly path: string;
  readonly size: number;
  /** What has to be stored, or the record of a file that is in the store already. */
  readonly source: Source | { readonly kept: Evidence };
}

/** The attempt whose evidence is collected. It was claimed, or it only names its files. */
export interface EvidenceOwner {
  readonly id: string;
  readonly number: number;
  /** Absent if it was not claimed. */
  readonly attempt?: Attempt | undefined;
  /** The names of the artifacts that the task promised. */
  readonly promised: readonly string[];
  /** Whether the file at a path in the staging folder was written since the claim. */
  readonly wrote: (path: string) => boolean;
  /** Its files that are in the store already. */
  readonly kept: readonly Evidence[];
  /** Receives a warning for each nearby file that is left out. */
  readonly warn: (line: string) => void;
  /** Receives links and other entries that are not regular files, if the attempt left any. */
  readonly onIrregular: (line: string) => void;
}

/** The attempt of a task with this number. */
export function ownerOf(
  staging: Staging,
  task: Task,
  number: number,
  more: Pick<EvidenceOwner, 'kept' | 'warn' | 'onIrregular'>,
): EvidenceOwner {
  const attempt = task.attempts.find((one) => one.number === number);
  const wrote = attempt ? staging.writtenSince(attemptFolder(task.id, number), claimOf(attempt)) : () => false;
  return { id: task.id, number, attempt, promised: promisedArtifacts(task.envelope), wrote, ...more };
}

/**
 * The named artifacts, and the files that the attempt wrote into its own folder since its claim, named by the stem of
 * the file name. Older files and files in other places may belong to another attempt, so they must be named.
 * @throws AgentqError `unreadable-file`, `invalid-name`, `usage`
 */
export function pendingArtifacts(
  staging: Staging,
  owner: EvidenceOwner,
  named: readonly NamedFile[],
): PendingEvidence[] {
  const { id, number } = owner;
  const pending = new Map<string, PendingEvidence>();
  for (const { name, file } of named) {
    checkName('artifact name', name);
    if (pending.has(name))
      throw new AgentqError('usage', `the artifact ${name} is named twice`, 'give each its own name');
    const staged = pathIn(staging, file, 'artifact', id);
    const path = staged ?? `${attemptFolder(id, number)}/${name}${parse(file).ext}`;
    pending.set(name, {
      name,
      path,
      size: checkSource({ file }),
      source: staged === undefined ? { file } : { staged },
    });
  }
  const taken = new Set([...pending.values()].map(({ path }) => path));
  for (const [name, path] of found(staging, owner, taken)) {
    if (taken.has(path) || pending.has(name)) continue;
    const kept = owner.kept.find((one) => one.path === path);
    const size = kept?.size ?? checkSource({ file: staging.locate(path), own: true });
    pending.set(name, { name, path, size, source: kept ? { kept } : { staged: path } });
  }
  return [...pending.values()];
}

/**
 * The result file at the path from the claim; undefined if the attempt wrote none.
 * @throws AgentqError `unreadable-file`
 */
export function ownResult(
  staging: Staging,
  { id, number, attempt, wrote, warn }: EvidenceOwner,
): PendingEvidence | undefined {
  const path = resultPath(id, number);
  const file = staging.locate(path);
  if (isEmpty(file)) return undefined;
  if (wrote(path)) return { name: 'result', path, size: checkSource({ file, own: true }), source: { staged: path } };
  warn(`${path} is left out: ${leftOut(attempt)}; name it with --result-file`);
  return undefined;
}

/** Whether there is neither a result of the attempt nor any file among the artifacts of the task. */
export function hasLeftNothing(staging: Staging, id: string, attempt: number): boolean {
  if (!isEmpty(staging.locate(resultPath(id, attempt)))) return false;
  return Object.values(staging.scan(artifactsFolder(id))).every((entries: readonly unknown[]) => entries.length === 0);
}

function isEmpty(file: string): boolean {
  return (lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** @throws AgentqError `unreadable-file` */
export function pendingResult(staging: Staging, { id, number }: EvidenceOwner, source: FileSource): PendingEvidence {
  const staged = pathIn(staging, source.file, 'result', id);
  const path = staged ?? resultPath(id, number);
  return { name: 'result', path, size: checkSource(source), source: staged === undefined ? source : { staged } };
}

/** The path of a file in the staging folder if it is in a place of that kind of this task. */
function pathIn(staging: Staging, file: string, kind: EvidencePlace['kind'], id: string): string | undefined {
  const path = staging.pathOf(file);
  const place = path === undefined ? undefined : placeOf(path);
  return place?.kind === kind && place.id === id ? path : undefined;
}

/**
 * Stores what is not in the store yet.
 * @param stored receives each stored file, also if a later one fails
 * @returns the records of all files, in order
 */
export async function keepEvidence(
  store: ArtifactStore,
  pending: readonly PendingEvidence[],
  stored: Stored[],
): Promise<readonly Evidence[]> {
  const pieces = pending.flatMap(({ name, path, source }) => ('kept' in source ? [] : [{ name, path, source }]));
  const fresh = (await store.put(pieces, stored)).values();
  return pending.map(({ name, source }) =>
    'kept' in source ? { ...source.kept, name } : fresh.next().value!.evidence,
  );
}

/** The expected record, as far as it is known before the file is read. */
export function unread({ name, path, size }: PendingEvidence): Evidence {
  return { name, path, size, sha256: '' };
}

/**
 * The files that the attempt wrote into its folder, by name.
 * @param named files that are skipped, because they are named
 * @throws AgentqError `unreadable-file` if a part of the folder is not readable
 */
function found(staging: Staging, owner: EvidenceOwner, named: Set<string>): Map<string, string> {
  const { id, number, attempt, promised, wrote, kept, warn, onIrregular } = owner;
  const folder = attemptFolder(id, number);
  const { paths, closed, unnamed, irregular } = staging.scan(folder);
  const [first] = closed;
  if (attempt && first) throw new AgentqError('unreadable-file', `${first.path}: ${first.problem}`, 'check its mode');
  const beside = staging.scan(artifactsFolder(id), (one) => isInNoAttempt(`${one}/file`)).paths.filter(isInNoAttempt);
  const own = new Set([...kept.map(({ path }) => path), ...paths.filter(wrote)]);
  warnOf(
    [...beside, ...paths].filter((path) => !named.has(path) && !own.has(path)),
    attempt,
    warn,
  );
  if (unnamed.length > 0) warn(`left out, because their names are not UTF-8: ${few(unnamed)}`);
  const odd = irregular.filter(({ path }) => !named.has(path)).map(({ path, kind }) => `${path} (${kind})`);
  if (odd.length > 0) onIrregular(`left out, because only regular files are kept: ${few(odd)}`);
  return namesOf([...own].toSorted(), folder, promised);
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
 * Names an artifact by the stem of its file name, or by its whole name if that was promised. If two have the same stem,
 * the second gets its whole name, or else a number.
 */
function namesOf(paths: readonly string[], folder: string, promised: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of paths) {
    const parts = path.slice(folder.length + 1).split('/');
    const whole = parts.map(nearestArtifactName).join('/');
    const stem = parts.length > 1 ? whole : nearestArtifactName(parse(parts[0]!).name);
    let name = names.has(stem) || promised.includes(whole) ? whole : stem;
    for (let n = 2; names.has(name); n++) name = `${whole}-${n}`;
    names.set(name, path);
  }
  return names;
}
