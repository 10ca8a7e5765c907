import type { AbsentStates } from '../../../projection/rows.ts';
import type { BrokerConnection } from '../../connection/broker-connection.ts';

/** Snapshots of the log in the artifact store, for a machine whose cache is empty. A bad one only costs time. */
export interface SnapshotSource {
  /** Fills an empty cache from a snapshot, if there is one. Never throws: otherwise the log is read from its beginning. */
  fill(connection: BrokerConnection): Promise<void>;
  /**
   * Brings content of the snapshot that the cache does not hold.
   * @returns whether the cache holds it now; if not, the cache was emptied, and must be filled again
   * @throws AgentqError `storage` if the store is away: the cache stays as it is
   */
  load(absent: AbsentStates): Promise<boolean>;
}
