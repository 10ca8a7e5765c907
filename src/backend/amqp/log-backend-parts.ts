import type { Circumstances } from '../../core/task/decision/verdict.ts';
import type { Cache } from './cache/cache.ts';
import type { LogRetention } from './tasks/log-retention.ts';
import type { TaskCommits } from './tasks/commit.ts';
import type { Claims } from './tasks/claims.ts';
import type { MessageRelay } from './tasks/messages/message-relay.ts';
import type { DueTasks } from './tasks/due-tasks.ts';
import type { Inbox } from './tasks/messages/inbox.ts';
import type { ClockCheck } from './log/clock-check.ts';
import type { Log } from './log/log.ts';
import type { SnapshotSource } from './log/reader/snapshot-source.ts';
import type { SnapshotSchedule } from './snapshot/snapshot-schedule.ts';
import type { SnapshotWriter } from './snapshot/snapshot-writer.ts';
import type { PassedOverEntries } from './log/passed-over-entries.ts';

/** What the backend on a broker calls. */
export interface LogBackendParts {
  readonly given: Circumstances;
  readonly log: Log;
  readonly cache: Cache;
  readonly commits: TaskCommits;
  readonly dueTasks: DueTasks;
  readonly logRetention: LogRetention;
  readonly relay: MessageRelay;
  readonly clockCheck: ClockCheck;
  readonly snapshots: SnapshotSource | undefined;
  readonly schedule: SnapshotSchedule;
  /** Loads the modules that few commands need, on first use. */
  readonly load: {
    readonly claims: (onIdle: () => void) => Promise<Claims>;
    readonly inbox: () => Promise<Inbox>;
    readonly snapshotWriter: () => Promise<SnapshotWriter | undefined>;
    readonly care: () => Promise<PassedOverEntries>;
  };
}
