import { AgentqError } from '../../../core/errors.ts';
import type { PassedOver } from '../../backend.ts';
import type { Cache } from '../cache/cache.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Log } from './log.ts';
import type { Names } from '../wire/names.ts';
import { StoppedAt } from './reader/roadblock.ts';
import { SKIP } from '../wire/routing-key.ts';
import { noteMessage } from '../wire/message/encode.ts';

export interface PassedOverParts {
  readonly client: ReconnectingClient;
  readonly names: Names;
  readonly log: Log;
  readonly cache: Cache;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** Entries of the log that readers pass over. */
export class PassedOverEntries {
  readonly #parts: PassedOverParts;

  constructor(parts: PassedOverParts) {
    this.#parts = parts;
  }

  /** The last unreadable entries of the log that were passed over, the latest first. */
  passedOver(): readonly PassedOver[] {
    const sql = 'SELECT offset, key, user, reason FROM passed_over ORDER BY offset DESC';
    return this.#parts.cache.db.all<PassedOver & object>(sql);
  }

  /**
   * Makes all readers of the log pass over the entry that stops them because it states that a newer agentq wrote it.
   * @throws AgentqError `usage` if the entry at this offset does not stop the reading; `denied` if the user is not a
   * coordinator
   */
  async skip(offset: number): Promise<void> {
    const { log, client, names, clock } = this.#parts;
    const stop = await log.catchUp().then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof StoppedAt) return error.offset;
        throw error;
      },
    );
    if (stop !== offset) {
      const instead = stop === undefined ? 'no entry does' : `entry ${stop} does`;
      throw new AgentqError('usage', `entry ${offset} of the log does not stop the reading: ${instead}`);
    }
    const message = noteMessage(names, log.newId(), clock(), { skip: offset }, { keyWord: SKIP, role: null });
    await client.withConnection((connection) => connection.publish(message));
    await log.catchUp();
  }
}
