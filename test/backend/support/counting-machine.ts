import amqplib from 'amqplib';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import { AmqpBackend } from '../../../src/backend/amqp/amqp-backend.ts';
import { newEntryId } from '../../../src/backend/amqp/wire/entry-id.ts';
import { noteMessage } from '../../../src/backend/amqp/wire/message/encode.ts';
import type { Note } from '../../../src/backend/amqp/wire/message/log-body.ts';
import type { Backend } from '../../../src/backend/backend.ts';
import type { BrokerOptions } from '../../../src/backend/options.ts';
import { amqpUrl } from '../../broker/shared-broker.ts';
import { countingLogRules } from '../../core/counters.ts';
import type { AmqpHarness } from './amqp-harness.ts';

/** A thing of one of the kinds that only tests have. */
interface StoredThing {
  readonly kind: string;
  readonly id: string;
  readonly state: unknown;
}

/** A machine whose program knows the counters and the badges of the tests. */
export interface CountingMachine {
  readonly backend: Backend;
  /** The counters and badges in its cache, which may be behind the log. */
  things(): readonly StoredThing[];
}

export function countingMachine(made: AmqpHarness, more: Partial<BrokerOptions> = {}): CountingMachine {
  const options = made.options(more);
  const backend = new AmqpBackend(options, options.queue as BrokerOptions, countingLogRules);
  onTestFinished(() => backend.close());
  return {
    backend,
    things() {
      const name = readdirSync(options.dir).find((file) => /^cache-.*\.db$/.test(file))!;
      const db = new DatabaseSync(join(options.dir, name), { readOnly: true });
      const rows = db.prepare('SELECT kind, id, state FROM things ORDER BY kind, id').all();
      db.close();
      return rows.map(({ kind, id, state }) => ({
        kind: String(kind),
        id: String(id),
        state: JSON.parse(String(state)) as unknown,
      }));
    },
  };
}

/** Publishes an entry of the log as agentq writes it. */
export async function publishEntry({ names, clock }: AmqpHarness, note: Note): Promise<void> {
  const id = newEntryId(clock.now(), Math.random);
  const { exchange, key, content, options } = noteMessage(names, id, clock.now(), note);
  const connection = await amqplib.connect(amqpUrl());
  const channel = await connection.createConfirmChannel();
  channel.publish(exchange, key, content, options);
  await channel.waitForConfirms();
  await connection.close();
}
