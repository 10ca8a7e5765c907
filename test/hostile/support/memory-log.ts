import type { ConsumeMessage } from 'amqplib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Cache } from '../../../src/backend/amqp/cache/cache.ts';
import type { LogMessage } from '../../../src/backend/amqp/wire/message/log-message.ts';
import { logMessageOf } from '../../../src/backend/amqp/wire/message/log-message.ts';
import { Names } from '../../../src/backend/amqp/wire/names.ts';
import { type Under, noteMessage, submitMessage } from '../../../src/backend/amqp/wire/message/encode.ts';
import type { Note } from '../../../src/backend/amqp/wire/message/log-body.ts';
import type { Publication } from '../../../src/backend/amqp/wire/message/publication.ts';
import { Undated } from '../../../src/backend/amqp/log/reader/undated.ts';
import { list } from '../../../src/backend/projection/questions/list.ts';
import type { Envelope } from '../../../src/core/envelope/envelope.ts';
import { forms } from '../../../src/core/log/forms.ts';
import type { Forms } from '../../../src/core/log/kind.ts';
import type { LogRules } from '../../../src/core/log/rules.ts';
import type { Event } from '../../../src/core/task/event.ts';
import type { Task } from '../../../src/core/task/task.ts';

export const names = new Names('agentq');

/** When the first entry of a log is written, ms since 1970. */
export const START = Date.UTC(2027, 0, 31);
export const SECOND = 1_000;
export const MINUTE = 60_000;

export interface Forged {
  readonly key: string;
  readonly body: unknown;
  readonly exchange?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly messageId?: string;
  readonly contentEncoding?: string;
  readonly userId?: string;
  /** Whether the entry contains no time of its publish. */
  readonly undated?: boolean;
}

export const envelope = (id: string, to: string, more: Partial<Envelope> = {}): Envelope => ({
  task_id: id,
  from: 'lead',
  to,
  type: 'task',
  priority: 'normal',
  reply_to: 'results.lead',
  ...more,
});

/** An open task, as the log repeats it. */
export const queued = (id: string, role: string, more: object = {}) => ({
  id,
  envelope: envelope(id, role),
  submitted_at: START,
  updated_at: START,
  attempts: [],
  forgiven: 0,
  refused: 0,
  status: 'queued',
  ready_at: START,
  ...more,
});

/** A log in memory, without a broker. It contains entries of agentq and forged entries, in order. */
export class MemoryLog {
  readonly #messages: ConsumeMessage[] = [];
  #ids = 0;
  now = START;

  get length(): number {
    return this.#messages.length;
  }

  #id(): string {
    return `e${this.#ids++}`;
  }

  write({ exchange, key, content, options }: Publication): void {
    this.#push(exchange, key, content, { ...options, contentEncoding: options.contentEncoding ?? undefined });
  }

  #push(exchange: string, routingKey: string, content: Buffer, properties: object): void {
    const fields = { routingKey, exchange, deliveryTag: 0, redelivered: false, consumerTag: '' };
    this.#messages.push({ content, fields, properties } as unknown as ConsumeMessage);
  }

  /** The plain envelope of a coordinator. */
  submit(id: string, to: string, more: Partial<Envelope> = {}, max_attempts?: number): void {
    const event = {
      v: 1,
      type: 'submitted',
      task_id: id,
      at: this.now,
      envelope: envelope(id, to, more),
      ...(max_attempts !== undefined && { max_attempts }),
    } as const;
    this.write(submitMessage(names, this.#id(), event, this.now));
  }

  /** Events as agentq writes them, under the role's key. */
  append(role: string, ...events: readonly Event[]): void {
    this.note({ events: [...events], roles: [role], role });
  }

  note(note: Note, under: Under = {}): void {
    this.write(noteMessage(names, this.#id(), this.now, note, under));
  }

  claim(id: string, role: string, lease = 5 * MINUTE, attempt = 1): void {
    const event = { v: 1, type: 'claimed', task_id: id, at: this.now, attempt, worker: `${role}-1` } as const;
    this.append(role, { ...event, expires_at: this.now + lease });
  }

  forge({ key, body, exchange = names.exchange, headers = {}, undated = false, ...more }: Forged): void {
    const content = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    this.#push(exchange, key, content, {
      headers,
      ...more,
      ...(!undated && { timestamp: Math.floor(this.now / 1_000) }),
    });
  }

  /** The messages that a machine reads which begins at this offset. @param known how it reads events */
  from(offset: number, known = forms): readonly LogMessage[] {
    return this.#messages.slice(offset).map((message, i) => {
      // A copy, as from a broker: the reader frees the content of messages that it cannot read.
      const own = { ...message, content: Buffer.from(message.content) };
      return logMessageOf(own, offset + i, names, known);
    });
  }
}

/** A machine with a cache that folds a log. */
export class Machine {
  readonly cache: Cache;

  readonly #forms: Forms | undefined;

  /** @param rules the kinds of things that the machine knows @param forms how it reads them */
  constructor(rules?: LogRules, forms?: Forms) {
    this.#forms = forms;
    const dir = mkdtempSync(join(tmpdir(), 'agentq-memory-'));
    this.cache = new Cache(dir, 'memory', 0o600, rules);
    onTestFinished(() => {
      this.cache.close();
      rmSync(dir, { recursive: true, force: true });
    });
  }

  /** Folds the new messages of the log. @param from the offset at which the log begins for this machine */
  read(log: MemoryLog, from = 0): this {
    const { last } = this.cache.position();
    return this.fold(log.from(Math.max(from, last + 1), this.#forms));
  }

  /** Folds messages as a reader does: entries without a time wait until an entry with a time arrives. */
  fold(messages: readonly LogMessage[]): this {
    const ready = new Undated().pass(messages);
    if (ready.length > 0) this.cache.fold(ready, this.cache.position().last);
    return this;
  }

  task(id: string): Task | undefined {
    return this.tasks().find((task) => task.id === id);
  }

  tasks(): readonly Task[] {
    return list(this.cache.db, { limit: 10_000 }, 'task_ready');
  }

  /** The tasks of one role, sorted by id. */
  tasksOf(role: string): readonly Task[] {
    return this.tasks()
      .filter(({ envelope }) => envelope.to === role)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** @returns a machine that has read the log from this offset to its end */
export const reading = (log: MemoryLog, from = 0): Machine => new Machine().read(log, from);
