import type { Drift, Evidence } from '../core/evidence/evidence.ts';

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
   * Records a file that already lies in the store, and makes it durable where it lies. Its modes become those of the
   * store. A file with a second name is replaced by a copy: by the other name it could be changed.
   * @throws AgentqError `unreadable-file`
   */
  adopt(path: string, name: string): Promise<Evidence>;
  /**
   * Puts or adopts many files, and lets others of this process run between them.
   * @param stored takes what was stored, also where it breaks off
   * @throws AgentqError as `put` and `adopt` do
   */
  keep(pieces: readonly Piece[], stored: Stored[]): Promise<void>;
  /**
   * Takes back what `put` has just created, because the change that was to name it was refused.
   * @param isRecorded is asked when no `put` of the same content can rely on the file any more; if so, it comes back
   */
  discard(stored: Stored, isRecorded?: () => Promise<boolean>): Promise<void>;
  /** The regular files below a folder of the store. Links are not followed. */
  scan(folder: string): Promise<Scan>;
  /** Files that a killed `put` left half-written, and has not touched since `before` (ms since 1970). */
  leftovers(before: number): Promise<readonly string[]>;
  /** @returns whether it is gone: it may be another user's */
  removeLeftover(path: string): Promise<boolean>;
  /**
   * Makes a folder for an attempt to write into, and notes what lies there before.
   * @param claim says which claim the folder is given to
   * @param others paths outside of the folder that the attempt may write as well
   * @returns where it lies on the local disk
   * @throws AgentqError `unreadable-file` where an earlier attempt has put something into its way
   */
  prepare(folder: string, claim: string, others: readonly string[]): Promise<string>;
  /** Sees to it that an attempt could be given its places. @throws AgentqError `storage` where nothing can be written */
  probe(): Promise<void>;
  /** Which of the paths were written since the folder was prepared for that claim; none where it was not. */
  writtenSince(folder: string, claim: string, paths: readonly string[]): Promise<readonly string[]>;
  /** The id that lies in the store; undefined in a store of an older version, and where no store is. */
  identity(): string | undefined;
  /** Makes the folders of the store, and marks it unless it is marked. @returns the id that it has then */
  make(id: string): string;
  /** @throws AgentqError `storage` where the store is not the one that this workspace was made with, or not there */
  attend(): void;
  /** Whether the file still is what was recorded. */
  check(evidence: Evidence): Promise<Drift | undefined>;
  /**
   * The content.
   * @throws AgentqError `drift` where it is not what was recorded, `too-large` beyond 1 GiB; `storage` where it was
   *   recorded in another store and does not lie here
   */
  read(evidence: Evidence): Promise<Buffer>;
  /**
   * The content, piece by piece, whatever its size.
   * @throws AgentqError as `read` does, once all was read
   */
  readInto(evidence: Evidence, take: (bytes: Uint8Array) => void): Promise<void>;
  /** A file of the store of which nothing is recorded; undefined where there is none. */
  unrecorded(path: string): Content | undefined;
}

export interface FileSource {
  readonly file: string;
  /** Whether the file was found by agentq, and not named by a user: a link must not stand for it then. */
  readonly own?: boolean;
}

export type Source = FileSource | { readonly bytes: Uint8Array };

/** What a file holds, of any size. */
export interface Content {
  /** In bytes. */
  readonly size: number;
  /**
   * Hands over the content piece by piece.
   * @throws AgentqError `drift`, at the end, where the file is not what was recorded of it
   */
  readonly readInto: (take: (bytes: Uint8Array) => void) => Promise<void>;
}

/** One file to be stored. */
export interface Piece {
  readonly path: string;
  readonly name: string;
  /** What is copied to the path; absent where the file lies there already. */
  readonly source?: Source;
}

/** What lies below a folder of the store. */
export interface Scan {
  /** In order. */
  readonly paths: readonly string[];
  /** Folders that can't be read, and why. */
  readonly closed: readonly { readonly path: string; readonly problem: string }[];
  /** What has a name that is no UTF-8, and so has no path; the name as well as it can be shown. */
  readonly unnamed: readonly string[];
}

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
