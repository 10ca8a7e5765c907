import type { Drift, Evidence } from '../core/evidence.ts';

/**
 * The port: where contexts, results and artifacts lie. Paths are relative to the store, with `/` between their
 * parts: `tasks/ID.md`, `results/ID.md`, `artifacts/ID/…`. Evidence, once recorded, is never overwritten.
 */
export interface ArtifactStore {
  /** A reference that an agent can open: a file:// URL, or later s3://. */
  refOf(path: string): string;
  /** The path in this store of a file of the local disk; undefined where it lies elsewhere. */
  pathOf(file: string): string | undefined;
  /** Where the path lies on the local disk. */
  locate(path: string): string;
  /** @throws AgentqError `unreadable-file` where the source can't be read */
  examine(source: Source): Promise<void>;
  /**
   * Stores a copy durably and whole, or not at all. A path that other content has already taken is left alone:
   * `results/a.md` becomes `results/a~2.md`. The same content at the same path is not stored twice.
   * @throws AgentqError `unreadable-file` where the source can't be read
   */
  put(path: string, name: string, source: Source): Promise<Stored>;
  /**
   * Records a file that already lies in the store, and makes it durable where it lies.
   * @throws AgentqError `unreadable-file`
   */
  adopt(path: string, name: string): Promise<Evidence>;
  /** Takes back what `put` has just created, because the change that was to name it was refused. */
  discard(stored: Stored): Promise<void>;
  /** The regular files below a folder of the store; empty where there is none. Links are not followed. */
  scan(folder: string): Promise<readonly string[]>;
  /** Files that a killed `put` left half-written, and has not touched since `before` (ms since 1970). */
  leftovers(before: number): Promise<readonly string[]>;
  removeLeftover(path: string): Promise<void>;
  /** Makes a folder for a worker to write into. @returns where it lies on the local disk */
  prepare(folder: string): Promise<string>;
  /** Whether the file still is what was recorded. */
  check(evidence: Evidence): Promise<Drift | undefined>;
  /** The content. @throws AgentqError `drift` where it is not what was recorded */
  read(evidence: Evidence): Promise<Buffer>;
}

export type Source = { readonly file: string } | { readonly bytes: Uint8Array };

export interface Stored {
  readonly evidence: Evidence;
  /** False where the same content lay there already. */
  readonly created: boolean;
}

/** One line that names a drift, for people. */
export function describeDrift({ kind, evidence }: Drift): string {
  const problem = {
    missing: 'is missing',
    changed: 'was changed since it was recorded',
    unreadable: 'cannot be read',
  }[kind];
  return `${evidence.name} (${evidence.path}) ${problem}`;
}
