import type { Drift, Evidence } from '../core/evidence/evidence.ts';
import type { Source } from '../files/durable-file.ts';

export type { FileSource, Source } from '../files/durable-file.ts';

/**
 * The port to the store of contexts, results and artifacts. Paths are relative to the store, with `/` between their
 * parts: `tasks/ID.md`, `results/ID.md`, `artifacts/ID/…`. Evidence, once recorded, is never overwritten.
 */
export interface ArtifactStore {
  /** A reference that an agent can open: a file:// URL, or later s3://. */
  refOf(path: string): string;
  /** The path in this store of a file on the local disk; undefined if the file is not in the store. */
  pathOf(file: string): string | undefined;
  /** The absolute path on the local disk. */
  locate(path: string): string;
  /** @throws AgentqError `unreadable-file` if the source is not readable */
  examine(source: Source): Promise<void>;
  /**
   * Stores a complete, durable copy or nothing. If the path already has other content, another path is used:
   * `results/a.md` becomes `results/a~2.md`. The same content at the same path is not stored twice.
   * @throws AgentqError `unreadable-file` if the source is not readable
   */
  put(path: string, name: string, source: Source): Promise<Stored>;
  /**
   * Records a file that is already in the store, and makes it durable in its place. Its mode becomes that of the store.
   * A file with a second hard link is replaced by a copy, because it could be changed through its other name.
   * @throws AgentqError `unreadable-file`
   */
  adopt(path: string, name: string): Promise<Evidence>;
  /**
   * Puts or adopts many files. Other work of this process continues between them.
   * @param stored receives each stored file, also if a later one fails
   * @throws AgentqError as `put` and `adopt` do
   */
  keep(pieces: readonly Piece[], stored: Stored[]): Promise<void>;
  /**
   * Removes a file that `put` has just created, because the change that refers to it was refused.
   * @param isRecorded is called when no other `put` of the same content can rely on the file any more; if it returns
   *   true, the file is restored
   */
  discard(stored: Stored, isRecorded?: () => Promise<boolean>): Promise<void>;
  /** The regular files below a folder of the store. Links are not followed. */
  scan(folder: string): Promise<Scan>;
  /** Incomplete files of a killed `put`, not changed since `before` (ms since 1970). */
  leftovers(before: number): Promise<readonly string[]>;
  /** @returns whether it was removed: it may belong to another user */
  removeLeftover(path: string): Promise<boolean>;
  /**
   * Creates a folder for an attempt, and records the files that are already there.
   * @param claim identifies the claim that receives the folder
   * @param others paths outside of the folder that the attempt may write as well
   * @returns its path on the local disk
   * @throws AgentqError `unreadable-file` if a file or link of an earlier attempt blocks the path
   */
  prepare(folder: string, claim: string, others: readonly string[]): Promise<string>;
  /** Checks that the places of an attempt can be created. @throws AgentqError `storage` if nothing can be written */
  probe(): Promise<void>;
  /** The paths that were written since the folder was prepared for that claim; empty if it was not prepared. */
  writtenSince(folder: string, claim: string, paths: readonly string[]): Promise<readonly string[]>;
  /** The id in the store; undefined for a store of an older version, and if there is no store. */
  identity(): string | undefined;
  /** Creates the folders of the store, and marks it if it has no marker. @returns the id of the store */
  make(id: string): string;
  /** @throws AgentqError `storage` if the store is missing or is not the store of this workspace */
  attend(): void;
  /** Whether the file still matches its record. */
  check(evidence: Evidence): Promise<Drift | undefined>;
  /**
   * The content.
   * @throws AgentqError `drift` if it does not match its record, `too-large` beyond 1 GiB; `storage` if it was recorded
   *   in another store and is not here
   */
  read(evidence: Evidence): Promise<Buffer>;
  /**
   * The content of any size, piece by piece.
   * @throws AgentqError as `read` does, after all was read
   */
  readInto(evidence: Evidence, take: (bytes: Uint8Array) => void): Promise<void>;
  /** A file in the store without a record; undefined if it does not exist. */
  unrecorded(path: string): Content | undefined;
}

/** The content of a file of any size. */
export interface Content {
  /** In bytes. */
  readonly size: number;
  /**
   * Hands over the content piece by piece.
   * @throws AgentqError `drift`, at the end, if the file does not match its record
   */
  readonly readInto: (take: (bytes: Uint8Array) => void) => Promise<void>;
}

/** One file to be stored. */
export interface Piece {
  readonly path: string;
  readonly name: string;
  /** The source to copy to the path; absent if the file is already there. */
  readonly source?: Source;
}

/** The content of a folder in the store. */
export interface Scan {
  /** In order. */
  readonly paths: readonly string[];
  /** Folders that can't be read, and why. */
  readonly closed: readonly { readonly path: string; readonly problem: string }[];
  /** Files without a path, because their name is not UTF-8; the name in readable form. */
  readonly unnamed: readonly string[];
  /** Entries that are neither files nor folders: links, FIFOs, sockets and devices. */
  readonly irregular: readonly { readonly path: string; readonly kind: string }[];
}

export interface Stored {
  readonly evidence: Evidence;
  /** False if the same content was already there. */
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
