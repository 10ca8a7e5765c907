/** The format of a file. */
export interface Form {
  /** Marks the file as agentq's. */
  readonly application: number;
  /** Raised by every change of the schema. A store with a higher version is refused. */
  readonly version: number;
  /** Creates the tables of this version. */
  readonly schema: string;
  /**
   * The SQL of the steps from version 1 on: the first changes a file of version 1 into one of version 2. Absent for a
   * cache: a file of any other version is `corrupt`, and is created again.
   */
  readonly migrations?: readonly string[];
  /**
   * FULL: a commit is on the disk when it returns. NORMAL: a power failure may lose the last commits, and damages
   * nothing.
   */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** The size of a page of a new file, in bytes. */
  readonly pageSize: number;
}
