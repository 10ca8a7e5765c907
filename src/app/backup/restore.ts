import { counted } from '../../core/counted.ts';
import { existsSync } from 'node:fs';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { describeDrift } from '../../artifacts/store.ts';
import type { Restored } from '../../backend/archive.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import { checkSource } from '../../files/source-file.ts';
import {
  type BackupServices,
  contentOf,
  copyFiles,
  evidenceFolder,
  fetchAll,
  type FetchedFile,
  storageError,
} from './backup.ts';
import { findDrift } from '../evidence/verify.ts';

export interface RestoreReport extends Restored {
  /** When the backup was made, ms since 1970; absent for a plain copy of a database. */
  readonly made_at?: number;
  /** Whether the file needed no -wal file: nothing can be missing that a -wal file contained. */
  readonly self_contained: boolean;
  readonly evidence: readonly Evidence[];
  /** The number of missing pieces that were restored. */
  readonly brought_back: number;
  /** Evidence in the log that is missing or does not match its record. */
  readonly drift: readonly Drift[];
}

/**
 * Replaces the workspace's queue by a backup and starts a new epoch: all leases end, and workers that claimed before
 * are refused. Nothing is changed before the backup is verified. Missing evidence is copied from the folder beside the
 * backup, also if an earlier backup made that folder. Files in the store are never overwritten.
 * @param force whether an existing queue may be replaced, and damaged evidence beside the backup is accepted
 * @throws AgentqError `conflict` if there is a queue, `corrupt` if the backup is damaged, `drift`
 */
export async function restore(
  services: BackupServices,
  { file, force }: { readonly file: string; readonly force: boolean },
): Promise<RestoreReport> {
  const { archive, store, storeIn, workspace } = services;
  checkSource({ file });
  if (!force && archive.occupied) {
    throw new AgentqError(
      'conflict',
      `${workspace.dir} contains a queue already`,
      '--force replaces it, and keeps it in a file beside it',
    );
  }
  try {
    using copy = archive.load(file);
    const { evidence } = contentOf(copy);
    const { listing, selfContained: self_contained } = copy;
    const folder = evidenceFolder(file);
    const beside = storeIn(folder);
    const kept = (listing?.evidence ?? []).filter((one) => one.kept);
    const listed = new Set(kept.map(({ path }) => path));
    // A folder of another backup may lie there: it is used as far as it matches the log.
    const others = existsSync(folder) ? evidence.filter(({ path }) => !listed.has(path)) : [];
    const files = [...(await verified(beside, kept, force)), ...(await fetchAll(beside, others)).files];
    const brought_back = await bringBack(files, store);
    const restored = archive.restore(copy);
    const drift = await findDrift(store, evidence);
    return { ...restored, ...(listing && { made_at: listing.made_at }), self_contained, evidence, brought_back, drift };
  } catch (error) {
    throw storageError(error);
  }
}

/** @returns the files that match the list. @throws AgentqError `drift` if one does not, unless that is accepted */
async function verified(
  beside: ArtifactStore,
  kept: readonly Evidence[],
  accept: boolean,
): Promise<readonly FetchedFile[]> {
  const { files, drift } = await fetchAll(beside, kept);
  const [first] = drift;
  if (first && !accept) {
    throw new AgentqError(
      'drift',
      `the evidence beside the backup differs from its list in ${counted(drift.length, 'file')}: ${describeDrift(first)}`,
      '--force restores the queue anyway',
    );
  }
  return files;
}

/** @returns how many pieces were missing */
async function bringBack(files: readonly FetchedFile[], store: ArtifactStore): Promise<number> {
  const found = await findDrift(
    store,
    files.map(({ evidence }) => evidence),
  );
  const missing = new Set(found.filter(({ kind }) => kind === 'missing').map(({ evidence }) => evidence));
  await copyFiles(
    files.filter(({ evidence }) => missing.has(evidence)),
    store,
  );
  return missing.size;
}
