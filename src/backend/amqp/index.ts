import type { Backend } from '../backend.ts';
import type { BackendOptions, BrokerOptions } from '../open.ts';
import { parseAddress } from './address.ts';
import { AmqpBackend } from './amqp-backend.ts';
import { Cache } from './cache.ts';
import { Delivery } from './delivery.ts';
import { Link } from './link.ts';
import { Log } from './log.ts';
import { Names } from './names.ts';
import { WorkQueues } from './work-queue.ts';

const DEFAULT_TOKEN_GRACE = 60_000;

/** Connects when something is asked first. */
export function openAmqp(options: BackendOptions, broker: BrokerOptions): Backend {
  const { dir, fileMode, clock, random } = options;
  const { patience, say, refOf, replicated, retention, tokenGrace = DEFAULT_TOKEN_GRACE } = broker;
  const address = parseAddress(broker.url);
  const names = new Names(address.prefix);
  const link = new Link(address, { patience, say, clock, random });
  const cache = new Cache(dir, `${link.place} ${names.prefix}`, fileMode);
  const log = new Log(link, cache, names, clock, random);
  const delivery = new Delivery(link, log, cache, names, { clock, refOf, replicated, say });
  const work = new WorkQueues(link, names, replicated, clock);
  return new AmqpBackend({ link, log, cache, names, delivery, work, clock, random, tokenGrace, retention });
}
