import { resultsQueue } from '../../../core/envelope/reply-to.ts';
import { DELAY_LEVELS } from './names.ts';
import { eventKey, NOTE, RESERVED, WORKER_KEY_WORDS } from './routing-key.ts';

/*
 * The keys that a user may publish with, as regular expressions for the broker's topic permissions
 * (https://www.rabbitmq.com/docs/access-control#topic-authorisation).
 */

/** A text that is matched as it is. */
export const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const results = `${literal(resultsQueue(''))}.*`;

/** Of a coordinator, for the exchange of all messages: everything but dead letters. */
export const COORDINATOR_KEYS = `^(${literal(RESERVED)}(event|work|delay)\\..*|${results})$`;

/** Of a coordinator, for the other exchanges. */
export const ALL_RESERVED_KEYS = `^${literal(RESERVED)}.*$`;

/** Of a worker, for the exchange of all messages: events of tasks of its role, notes, result messages. */
export const workerKeys = (role: string): string =>
  `^(${literal(eventKey(''))}((${WORKER_KEY_WORDS.join('|')})\\.${role}|${NOTE})|${results})$`;

/** Of a worker, for the exchange of tokens. */
export const workerTokenKeys = (role: string): string =>
  `^${literal(RESERVED)}(work\\.${role}\\.[^.]+|dead\\.${role})$`;

/** Of a worker, for the exchange of delays. */
export const workerDelayKeys = (role: string): string =>
  `^${literal(RESERVED)}delay\\.([01]\\.){${DELAY_LEVELS}}${role}\\.[^.]+$`;
