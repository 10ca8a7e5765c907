import type { Drift, Evidence } from '../core/evidence/evidence.ts';
import type { LocalSource } from '../files/source-file.ts';
import type { ClosedFolder, Staging } from './staging.ts';

/**
 * The port to the store of contexts, results and artifacts. The store may be on another machine: it is reached only by
 * `put`, `fetch` and the questions below. Attempts write into the local staging folder, and read local files that
 * `fetch` has checked. Paths are relative to the store, with `/` between their parts: `tasks/ID.md`, `results/ID.md`,
 * `artifacts/ID/…`. Evidence, once recorded, is never overwritten.
 *
 * Each method may throw AgentqError `storage` if the store cannot be asked. This is never reported as drift.
 */
export interface ArtifactStore {
  /** Where the files of attempts lie before they are recorded. */
  readonly staging: Staging;
  /** A reference that an agent can open: a file:// URL, or the URL of the file in a store on another machine. */
  refOf(path: string): string;
  /** Where the file is, for people: a path on the local disk, or a URL. */
  placeOf(path: string): string;
  /**
   * Stores complete, durable copies, and hashes them meanwhile. Other work of this process continues between the files.
   * If a path already has other content, another path is used: `results/a.md` becomes `results/a~2.md`. The same content
   * at the same path is not stored twice. A staged file whose path is free becomes the stored file without a copy if the
   * store can do that; it is then `created: false`, because the attempt made it.
   * @param stored receives each stored file, in the order of the pieces, also if a later one fails
   * @returns `stored`
   * @throws AgentqError `unreadable-file` if a source is not readable or is a link that agentq found
   */
  put(pieces: readonly Piece[], stored?: Stored[]): Promise<readonly Stored[]>;
  /**
   * Brings the content of evidence to the local disk, and compares it with its record. A damaged local copy is fetched
   * again.
   * @param take receives the checked content piece by piece; what it received counts only if the file has no drift
   * @throws errors of `take`
   */
  fetch(evidence: Evidence, take?: (bytes: Uint8Array) => void): Promise<Fetched>;
  /** Whether the file in the store still matches its record. A local copy does not count. */
  check(evidence: Evidence): Promise<Drift | undefined>;
  /** The content of a reference without a record; undefined if the reference names no file of this store. */
  unrecorded(ref: string): Promise<Content | undefined>;
  /**
   * Removes a file that `put` has just created, because the change that refers to it was refused.
   * @param isRecorded is called when no other `put` of the same content can rely on the file any more; if it returns
   *   true, or throws, the file is restored
   */
  discard(stored: Stored, isRecorded?: () => Promise<boolean>): Promise<void>;
  /** Removes files that no task needs. A missing file is not an error. @throws AgentqError `storage` */
  remove(paths: readonly string[]): Promise<void>;
  /** The files below a folder. */
  list(folder: string): Promise<Listing>;
  /** Incomplete files of a killed `put`, not changed since `before` (ms since 1970). */
  leftovers(before: number): Promise<readonly string[]>;
  /** Removes an incomplete file. @returns whether it was removed: it may belong to another user */
  removeLeftover(path: string): Promise<boolean>;
  /** The id in the store; undefined for a store of an older version, and if there is no store. */
  identity(): Promise<string | undefined>;
  /** Whether `make` was called in this place, also if the id was lost since. */
  isMade(): Promise<boolean>;
  /** Creates the parts of the store, and marks it if it has no id. @returns the id of the store */
  make(id: string): Promise<string>;
  /** @throws AgentqError `storage` if the store is missing or is not the store of this workspace */
  attend(): Promise<void>;
  /** The same, and checks that an attempt can write its files. @throws AgentqError `storage` */
  probe(): Promise<void>;
}

/** What is stored: a local file, bytes, or the file at a path in the staging folder. */
export type Source = LocalSource | { readonly staged: string };

/** One file to be stored. */
export interface Piece {
  readonly path: string;
  readonly name: string;
  readonly source: Source;
}

export interface Stored {
  readonly evidence: Evidence;
  /** False if the same content was already there. */
  readonly created: boolean;
  /** Where the content is on the local disk: the stored file itself, or the copy from which it was stored. */
  readonly file: string;
}

/** Evidence on the local disk, or its difference from the record. */
export type Fetched =
  { readonly file: string; readonly drift?: undefined } | { readonly file?: undefined; readonly drift: Drift };

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

/** The content of a folder in the store. */
export interface Listing {
  /** In order. */
  readonly paths: readonly string[];
  /** Folders that can't be read. */
  readonly closed: readonly ClosedFolder[];
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
