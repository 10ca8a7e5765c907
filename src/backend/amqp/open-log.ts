import type { Circumstances } from '../../core/decide.ts';
import type { BackendOptions, BrokerOptions } from '../options.ts';
import type { Listeners } from '../projection/listeners.ts';
import { Absence } from './log/outage-grace.ts';
import { Cache } from './cache/cache.ts';
import { OpenTasks } from './tasks/retention.ts';
import { Changes } from './tasks/commit.ts';
import { Delivery } from './tasks/message-relay.ts';
import { DueTasks } from './tasks/due-tasks.ts';
import type { Link } from './connection/reconnecting-client.ts';
import { Log } from './log/log.ts';
import { LogBackend } from './log-backend.ts';
import type { Names } from './wire/names.ts';

const DEFAULT_TOKEN_GRACE = 60_000;

/** Longer than workers wait between two tries to connect, and the broker needs to bring its log up. */
const DEFAULT_ABSENCE_GRACE = 5_000;

/** Puts together what reads the log. */
export function openLog(
  { dir, fileMode, clock, random }: BackendOptions,
  broker: BrokerOptions,
  link: Link,
  names: Names,
  listeners: Listeners,
): LogBackend {
  const {
    say,
    refOf,
    replicated,
    retention,
    tokenGrace = DEFAULT_TOKEN_GRACE,
    absenceGrace = DEFAULT_ABSENCE_GRACE,
  } = broker;
  const cache = new Cache(dir, `${link.place} ${names.prefix}`, fileMode);
  // While the broker is being reached there is time for it.
  setImmediate(() => cache.begin());
  const absence = new Absence(absenceGrace, cache, clock);
  const log = new Log(link, cache, names, listeners, clock, random, absence);
  const delivery = new Delivery(link, log, cache, names, { clock, refOf, replicated, say });
  const given: Circumstances = {
    get now() {
      return clock();
    },
    random,
  };
  const changes = new Changes({ link, names, log, cache, delivery, absence }, given);
  const dueTasks = new DueTasks({ cache, changes, clock });
  const openTasks = new OpenTasks({ log, cache, retention, clock });
  return new LogBackend({
    given,
    log,
    cache,
    changes,
    dueTasks,
    openTasks,
    delivery,
    load: {
      async claims() {
        const { Claims } = await import('./tasks/claims.ts');
        const work = { link, names, replicated, clock };
        return new Claims({ ...work, log, cache, changes, dueTasks, openTasks, delivery, tokenGrace });
      },
      async inbox() {
        const { Inbox } = await import('./tasks/inbox.ts');
        return new Inbox({ link, names, log, cache });
      },
      async care() {
        const { LogCare } = await import('./log/passed-over-entries.ts');
        return new LogCare({ link, names, log, cache, clock });
      },
    },
  });
}
