import type { Evidence } from '../core/evidence/evidence.ts';

/**
 * Where a backend on a broker keeps snapshots of its log: in the artifact store. Every user of the store can write
 * there, so a name means nothing. A file is believed only by a record from the log, or from a file that is believed.
 */
export interface SnapshotFiles {
  /**
   * Stores a durable copy. Another name is used if the name has other content.
   * @throws AgentqError `storage`
   */
  put(name: string, content: { readonly file: string } | { readonly bytes: Uint8Array }): Promise<Evidence>;
  /**
   * The content; undefined if the file is missing or is not what was recorded.
   * @throws AgentqError `storage` if the store is away, or cannot read the file
   */
  fetch(file: Evidence): Promise<Buffer | undefined>;
  /** The names of the files in a folder. @throws AgentqError `storage` */
  list(folder: string): Promise<readonly string[]>;
  /** The name of a recorded file, as in such a list. */
  nameOf(file: Evidence): string;
  /** Removes files. A missing one is not an error. @throws AgentqError `storage` */
  remove(names: readonly string[]): Promise<void>;
}
