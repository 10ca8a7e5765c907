import { existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Archive, StoreCopy } from '../../backend/archive.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import { evidenceOf } from '../evidence/verify.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** The services for a backup. */
export interface BackupServices {
  readonly workspace: Workspace;
  readonly archive: Archive;
  readonly store: ArtifactStore;
  /** Opens evidence in another folder with the layout of a store. */
  readonly storeIn: (folder: string) => ArtifactStore;
  /** ms since 1970. */
  readonly clock: () => number;
}

export interface BackupRequest {
  /** An absolute path. */
  readonly file: string;
  readonly withEvidence: boolean;
  /** Whether an existing backup with that name may be replaced. */
  readonly force: boolean;
}

export interface BackupReport {
  readonly tasks: number;
  readonly evidence: readonly Evidence[];
  /** The folder of the copied evidence. */
  readonly folder?: string;
  /** Evidence that was not copied because it does not match its record. */
  readonly drift: readonly Drift[];
}

/** The evidence folder of a backup. */
export function evidenceFolder(file: string): string {
  return `${file}.evidence`;
}

/**
 * Copies the queue into one file while other processes continue. It contains every change that was confirmed before it
 * began. Evidence is listed with its hashes, and copied on request. The backup gets its name when it is complete and on
 * the disk.
 * @throws AgentqError `conflict` if a file with that name exists, `storage`, `corrupt`
 */
export async function backup(services: BackupServices, request: BackupRequest): Promise<BackupReport> {
  refuseTarget(services.workspace, request);
  const { file, withEvidence } = request;
  const folder = evidenceFolder(file);
  const staged = { file: `${file}.${process.pid}`, folder: `${folder}.${process.pid}` };
  try {
    using copy = services.archive.take(staged.file);
    const { tasks, evidence } = contentOf(copy);
    const drift = withEvidence ? await copyEvidence(services, evidence, staged.folder) : [];
    const lost = new Set(drift.map((one) => one.evidence.path));
    const listed = evidence.map((one) => ({ ...one, kept: withEvidence && !lost.has(one.path) }));
    copy.list({ made_at: services.clock(), evidence: listed });
    if (withEvidence) replaceFolder(staged.folder, folder);
    renameSync(staged.file, file);
    services.archive.settle(file);
    return { tasks, evidence, drift, ...(withEvidence && { folder }) };
  } catch (error) {
    throw storageError(error);
  } finally {
    rmSync(staged.folder, { recursive: true, force: true });
  }
}

/** The number of tasks, and each piece of evidence once. */
export function contentOf(copy: StoreCopy): { tasks: number; evidence: readonly Evidence[] } {
  const byPath = new Map<string, Evidence>();
  let tasks = 0;
  for (const task of copy.tasks()) {
    tasks++;
    for (const one of evidenceOf(task)) byPath.set(one.path, one);
  }
  return { tasks, evidence: [...byPath.values()] };
}

function refuseTarget({ dir }: Workspace, { file, force }: BackupRequest): void {
  const folder = dirname(file);
  if (!existsSync(folder)) throw new AgentqError('unreadable-file', `${folder} does not exist`, 'create the folder');
  if (basename(file).startsWith('agentq.db') && realpathSync(folder) === realpathSync(dir))
    throw new AgentqError('usage', `${file} is the file of the queue itself`, 'name another file');
  const taken = statSync(file, { throwIfNoEntry: false });
  if (taken && !taken.isFile()) throw new AgentqError('usage', `${file} is not a file`, 'name a file');
  if (!force && [file, evidenceFolder(file)].some((path) => existsSync(path)))
    throw new AgentqError('conflict', `${file} exists already`, 'name another file, or replace it: --force');
}

/** Copies the files that match their record. They are hashed before and during the copy. */
async function copyEvidence(
  { store, storeIn }: BackupServices,
  evidence: readonly Evidence[],
  folder: string,
): Promise<readonly Drift[]> {
  const copied = storeIn(folder);
  // The copy gets the id of the store, so that it can replace the store.
  await copied.make((await store.identity()) ?? 'backup');
  const { files, drift } = await fetchAll(store, evidence);
  return [...drift, ...(await copyFiles(files, copied))];
}

/** Evidence and where its content is on the local disk. */
export interface FetchedFile {
  readonly evidence: Evidence;
  readonly file: string;
}

/** Brings evidence to the local disk, as far as it matches its record. */
export async function fetchAll(
  store: ArtifactStore,
  evidence: readonly Evidence[],
): Promise<{ readonly files: readonly FetchedFile[]; readonly drift: readonly Drift[] }> {
  const files: FetchedFile[] = [];
  const drifts: Drift[] = [];
  for (const one of evidence) {
    const { file, drift } = await store.fetch(one);
    if (drift === undefined) files.push({ evidence: one, file });
    else drifts.push(drift);
  }
  return { files, drift: drifts };
}

/** Copies evidence to the same places in a store. @returns the evidence that was changed meanwhile */
export async function copyFiles(files: readonly FetchedFile[], to: ArtifactStore): Promise<readonly Drift[]> {
  const stored = await to.put(
    files.map(({ evidence: { path, name }, file }) => ({ path, name, source: { file, own: true } })),
  );
  return files
    .map(({ evidence }) => evidence)
    .filter((one, n) => stored[n]?.evidence.sha256 !== one.sha256 || stored[n].evidence.path !== one.path)
    .map((one) => ({ evidence: one, kind: 'changed' }));
}

function replaceFolder(staged: string, folder: string): void {
  const old = `${folder}.old-${process.pid}`;
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(staged, folder);
  rmSync(old, { recursive: true, force: true });
}

/** What the file system says, as an error of the disk. */
export function storageError(error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof AgentqError || code === undefined || syscall === undefined) return error;
  return new AgentqError('storage', message, 'check the disk: is it full, read-only or not writable for this user?');
}
