import type { Circumstances } from '../../core/task/decision/verdict.ts';
import type { LogRules } from '../../core/log/rules.ts';
import type { BackendOptions, BrokerOptions } from '../options.ts';
import type { Listeners } from '../projection/listeners.ts';
import { OutageGrace } from './cache/tables/outages.ts';
import { Cache } from './cache/cache.ts';
import { LeaseEnds } from './tasks/lease-ends.ts';
import { BrokerClock } from './log/broker-clock.ts';
import { ClockCheck } from './log/clock-check.ts';
import { LogRetention } from './tasks/log-retention.ts';
import { TaskCommits } from './tasks/commit.ts';
import { MessageRelay } from './tasks/messages/message-relay.ts';
import { DueTasks } from './tasks/due-tasks.ts';
import { logIdentity } from './cache/newest-cache.ts';
import type { ReconnectingClient } from './connection/reconnecting-client.ts';
import { Log } from './log/log.ts';
import type { LogReaders } from './log/log-readers.ts';
import type { SnapshotSource } from './log/reader/snapshot-source.ts';
import { SnapshotSchedule } from './snapshot/snapshot-schedule.ts';
import type { SnapshotReader, SnapshotReaderParts } from './snapshot/snapshot-reader.ts';
import { newEntryId } from './wire/entry-id.ts';
import { LogBackend } from './log-backend.ts';
import type { Names } from './wire/names.ts';

const DEFAULT_TOKEN_GRACE = 60_000;

/**
 * Longer than the wait of workers between two tries to connect, and longer than the broker needs to make its log
 * available.
 */
const DEFAULT_OUTAGE_GRACE = 5_000;

/**
 * Assembles the parts that read the log.
 * @param rules tests add their own kinds
 */
export function openLog(
  { dir, fileMode, folderMode, clock, random }: BackendOptions,
  broker: BrokerOptions,
  client: ReconnectingClient,
  names: Names,
  listeners: Listeners,
  rules?: LogRules,
): LogBackend {
  const {
    say,
    refOf,
    replicated,
    retention,
    tokenGrace = DEFAULT_TOKEN_GRACE,
    outageGrace = DEFAULT_OUTAGE_GRACE,
  } = broker;
  const cache = new Cache(dir, logIdentity(client.address), fileMode, rules);
  // Uses the time in which the connection is opened.
  setImmediate(() => cache.begin());
  const grace = new OutageGrace(outageGrace, () => cache.db, clock);
  const openFollower = async (readers: LogReaders) => {
    const { LogFollower } = await import('./log/log-follower.ts');
    const { ElectedReader } = await import('./cache/elected-reader.ts');
    const { bellsIn, Doorbell } = await import('../projection/doorbell.ts');
    Doorbell.create(bellsIn(dir), folderMode);
    const doorbell = new Doorbell(bellsIn(dir), fileMode, listeners);
    return new LogFollower({ client, cache, readers, elected: new ElectedReader(cache, random), doorbell, listeners });
  };
  const clockId = () => broker.machine().clock;
  const { snapshots: files, patience } = broker;
  const newId = () => newEntryId(clock(), random);
  const snapshots = files && lateSnapshots({ cache, names, files, patience, newId, clock, say });
  const log = new Log({
    client,
    cache,
    names,
    listeners,
    clock,
    newId,
    outageGrace: grace,
    clockId,
    openFollower,
    snapshots,
  });
  const brokerClock = new BrokerClock({ client, names, log, clock });
  const clockCheck = new ClockCheck(brokerClock, { machine: broker.machine, say });
  const leaseEnds = new LeaseEnds({ cache, brokerClock, clockId, onAhead: () => clockCheck.begin() });
  const relay = new MessageRelay(client, log, cache, names, { clock, refOf, replicated, say });
  const given: Circumstances = {
    get now() {
      return clock();
    },
    random,
  };
  const logRetention = new LogRetention({ client, names, log, cache, retention, clock });
  const parts = { client, names, log, cache, relay, outageGrace: grace, leaseEnds, logRetention };
  const commits = new TaskCommits(parts, given);
  const dueTasks = new DueTasks({ cache, commits, clock });
  const snapshotWriter = async () => {
    if (!files) return undefined;
    const { SnapshotWriter } = await import('./snapshot/snapshot-writer.ts');
    return new SnapshotWriter({ log, cache, names, files, clock });
  };
  return new LogBackend({
    given,
    log,
    cache,
    commits,
    dueTasks,
    logRetention,
    relay,
    clockCheck,
    snapshots,
    schedule: new SnapshotSchedule(cache, async () => (await snapshotWriter())?.write() ?? false, clock),
    load: {
      snapshotWriter,
      async claims(onIdle) {
        const { Claims } = await import('./tasks/claims.ts');
        const work = { client, names, replicated, clock };
        return new Claims({ ...work, log, cache, commits, dueTasks, logRetention, relay, onIdle, tokenGrace });
      },
      async inbox() {
        const { Inbox } = await import('./tasks/messages/inbox.ts');
        return new Inbox({ client, names, log, cache });
      },
      async care() {
        const { PassedOverEntries } = await import('./log/passed-over-entries.ts');
        return new PassedOverEntries({ client, names, log, cache, clock });
      },
    },
  });
}

/** Few commands need a snapshot: its modules are loaded when one does. */
function lateSnapshots(parts: SnapshotReaderParts): SnapshotSource {
  let opened: Promise<SnapshotReader> | undefined;
  const open = async () => new (await import('./snapshot/snapshot-reader.ts')).SnapshotReader(parts);
  const reader = () => (opened ??= open());
  return {
    fill: async (connection) => (parts.cache.isFillable ? (await reader()).fill(connection) : undefined),
    load: async (absent) => (await reader()).load(absent),
  };
}
