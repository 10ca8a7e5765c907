/**
 * The local folder of the files that attempts write, before they are recorded. Its layout is that of the store:
 * `results/ID.md`, `artifacts/ID/1/…`. A store on the local disk uses its own folder, so that a file is recorded where
 * it lies. Other programs can write here at any time: agentq follows no link below the folder.
 */
export interface Staging {
  /** The absolute path on the local disk. @throws AgentqError `corrupt` if the path leads out of the folder */
  locate(path: string): string;
  /** The path in this folder of a local file; undefined if the file is not in the folder. */
  pathOf(file: string): string | undefined;
  /**
   * The content of the tree below a folder. Links are not followed.
   * @param enters whether a folder below it belongs to the tree; all do by default
   */
  scan(folder: string, enters?: (folder: string) => boolean): Scan;
  /**
   * Creates a folder for an attempt, and records the files that are already there.
   * @param claim identifies the claim that receives the folder
   * @param others paths outside of the folder that the attempt may write as well; their folders are created
   * @returns its absolute path
   * @throws AgentqError `unreadable-file` if a file or link of an earlier attempt blocks the path; `storage`
   */
  prepare(folder: string, claim: string, others: readonly string[]): string;
  /**
   * Removes the folder of an attempt with its content, and what `prepare` has recorded.
   * @throws AgentqError `storage`, `unreadable-file`
   */
  clear(folder: string): void;
  /**
   * Tells which files were written since the folder was prepared for that claim; none if it was not prepared.
   * @returns whether the file at a path was
   */
  writtenSince(folder: string, claim: string): (path: string) => boolean;
}

/** The content of a folder. */
export interface Scan {
  /** The regular files, in order. */
  readonly paths: readonly string[];
  /** Folders that can't be read, and why. */
  readonly closed: readonly ClosedFolder[];
  /** Files without a path, because their name is not UTF-8; the name in readable form. */
  readonly unnamed: readonly string[];
  /** Entries that are neither files nor folders: links, FIFOs, sockets and devices. */
  readonly irregular: readonly { readonly path: string; readonly kind: string }[];
}

export interface ClosedFolder {
  readonly path: string;
  readonly problem: string;
}
