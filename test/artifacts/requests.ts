import type { ArtifactStore, Source, Stored } from '../../src/artifacts/store.ts';
import type { Workspace } from '../../src/app/workspace/workspace.ts';
import { fetchEvidence } from '../../src/app/evidence/verify.ts';
import type { Evidence } from '../../src/core/evidence/evidence.ts';

/** Stores one file. */
export async function put(store: ArtifactStore, path: string, name: string, source: Source): Promise<Stored> {
  const [stored] = await store.put([{ path, name, source }]);
  return stored!;
}

/** Records a staged file under its own path. */
export async function adopt(store: ArtifactStore, path: string, name: string): Promise<Evidence> {
  return (await put(store, path, name, { staged: path })).evidence;
}

/** The content of evidence, after the check of the use cases. */
export async function read(store: ArtifactStore, evidence: Evidence): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const workspace = { storeDir: 'the store' } as Workspace;
  await fetchEvidence({ store, workspace }, evidence, (bytes) => pieces.push(bytes));
  return Buffer.concat(pieces);
}
