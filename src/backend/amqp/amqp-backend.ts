import type { ClockSkew } from '../../core/clock-skew.ts';
import type { CommandOf } from '../../core/task/decision/command.ts';
import type { StateOf } from '../../core/log/kind.ts';
import type { LogKinds, LogRules } from '../../core/log/rules.ts';
import { decide } from '../../core/task/decision/decide.ts';
import type { Event } from '../../core/task/event.ts';
import type { Pruned } from '../../core/task/decision/pruned.ts';
import type { Task } from '../../core/task/task.ts';
import {
  isThingRequest,
  type Backend,
  type Claimed,
  type ClaimRequest,
  type Counts,
  type Ended,
  type EndedQuestion,
  type Filter,
  type Finding,
  type KnownThing,
  type OtherKind,
  type Outcome,
  type PassedOver,
  type QueuePlace,
  type Request,
  type Taken,
  type Topic,
  type Watch,
} from '../backend.ts';
import type { BackendOptions, BrokerOptions } from '../options.ts';
import { Listeners, nameOf } from '../projection/listeners.ts';
import { parseBrokerUrl } from './connection/broker-url.ts';
import { newEntryId } from './wire/entry-id.ts';
import { ReconnectingClient } from './connection/reconnecting-client.ts';
import type { LogBackend } from './log-backend.ts';
import { Names } from './wire/names.ts';
import { changeOf, reportingUnknownOutcome } from './tasks/unknown-outcome.ts';
import { isTooLong, noteMessage, submitMessage } from './wire/message/encode.ts';
import { checkWorkQueue, hasWorkQueue, refuseReserved, routed } from './tasks/submit-rules.ts';
import { appendAtEnd } from './log/append-at-end.ts';

/**
 * A submit under a fresh id needs only the broker, and a one-shot command makes no other request: the modules that read
 * the log are loaded when another request needs them.
 */
export class AmqpBackend implements Backend {
  readonly #options: BackendOptions;
  readonly #broker: BrokerOptions;
  readonly #names: Names;
  readonly #client: ReconnectingClient;
  readonly #rules: LogRules | undefined;
  readonly #listeners = new Listeners();
  #log: Promise<LogBackend> | undefined;
  /** Whether tokens were removed from a queue. The broker does not confirm such a removal. */
  #claimed = false;

  /** @param rules tests add their own kinds */
  constructor(options: BackendOptions, broker: BrokerOptions, rules?: LogRules) {
    this.#rules = rules;
    const { clock, random } = options;
    const { patience, say } = broker;
    const address = parseBrokerUrl(broker.url);
    this.#options = options;
    this.#broker = broker;
    this.#names = new Names(address.prefix);
    this.#client = new ReconnectingClient(address, { patience, say, clock, random });
    this.#client.begin();
  }

  #reading(): Promise<LogBackend> {
    return (this.#log ??= this.#openLog());
  }

  async #openLog(): Promise<LogBackend> {
    // The connection is started first, so that the broker answers while this is loaded.
    await new Promise((resolve) => setImmediate(resolve));
    const { openLog } = await import('./open-log.ts');
    return openLog(this.#options, this.#broker, this.#client, this.#names, this.#listeners, this.#rules);
  }

  async commit(requests: Iterable<Request>): Promise<readonly Outcome[]> {
    const all = [...requests];
    const [only] = all;
    if (
      all.length === 1 &&
      only &&
      !isThingRequest(only) &&
      only.command.type === 'submit' &&
      only.command.fresh &&
      !this.#log
    ) {
      const outcome = await this.#submitFresh(only.command, only.at ?? this.#options.clock());
      if (outcome) return [outcome];
    }
    return (await this.#reading()).commit(all);
  }

  /**
   * The id was generated for this task only: no other process can have been faster, and earlier entries are irrelevant.
   * @returns undefined if the log must be read
   */
  async #submitFresh(command: CommandOf<'submit'>, now: number): Promise<Outcome | undefined> {
    refuseReserved(command);
    const { clock, random } = this.#options;
    const { events, task } = decide(undefined, command, { now, random });
    const [submitted] = events;
    if (submitted?.type !== 'submitted' || isTooLong(submitted)) return undefined;
    const names = this.#names;
    const id = newEntryId(clock(), random);
    const marker = () => noteMessage(names, newEntryId(clock(), random), clock(), {});
    const publish = (onSent: () => void) =>
      this.#client.withConnection((connection) => {
        // Checked while the channel is opened.
        const ready = checkWorkQueue(connection, names, command.envelope.to);
        ready.catch(() => {});
        const message = { ...submitMessage(names, id, submitted, clock()), onSent };
        return appendAtEnd(connection, names, message, { patience: this.#client.patience, ready, marker });
      });
    await reportingUnknownOutcome(changeOf(command.envelope.task_id, command), (onSent) =>
      routed(submitted, this.#client, names, () => publish(onSent)),
    );
    return { task, changed: true };
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    this.#claimed = true;
    return (await this.#reading()).claim(request);
  }

  async task(id: string): Promise<Task | undefined> {
    return (await this.#reading()).task(id);
  }

  async thing<N extends OtherKind>(kind: N, id: string): Promise<StateOf<LogKinds, N> | undefined> {
    return (await this.#reading()).thing(kind, id);
  }

  async things<N extends OtherKind>(
    kind: N,
    ids?: readonly string[],
  ): Promise<readonly KnownThing<StateOf<LogKinds, N>>[]> {
    return (await this.#reading()).things(kind, ids);
  }

  async lastKnown(id: string): Promise<Task | undefined> {
    return (await this.#reading()).lastKnown(id);
  }

  async history(id: string): Promise<readonly Event[]> {
    return (await this.#reading()).history(id);
  }

  async list(filter: Filter): Promise<readonly Task[]> {
    return (await this.#reading()).list(filter);
  }

  async ended(question: EndedQuestion): Promise<Ended> {
    return (await this.#reading()).ended(question);
  }

  async counts(): Promise<Counts> {
    return (await this.#reading()).counts();
  }

  async knowsRole(role: string): Promise<boolean> {
    if (await (await this.#reading()).knowsRole(role)) return true;
    return hasWorkQueue(this.#client, this.#names, role);
  }

  async knownRoles(): Promise<readonly string[]> {
    return (await this.#reading()).knownRoles();
  }

  async inbox(queue: string, limit: number): Promise<readonly Task[]> {
    return (await this.#reading()).inbox(queue, limit);
  }

  async inboxIds(queue: string): Promise<ReadonlySet<string>> {
    return (await this.#reading()).inboxIds(queue);
  }

  async take(queue: string, limit: number): Promise<Taken> {
    return (await this.#reading()).take(queue, limit);
  }

  async pruned(id: string): Promise<Pruned | undefined> {
    return (await this.#reading()).pruned(id);
  }

  async prunedEvidence(limit: number): Promise<readonly Task[]> {
    return (await this.#reading()).prunedEvidence(limit);
  }

  async evidenceRemoved(ids: readonly string[]): Promise<void> {
    return (await this.#reading()).evidenceRemoved(ids);
  }

  async audit(repair: boolean): Promise<readonly Finding[]> {
    return (await this.#reading()).audit(repair);
  }

  async passedOver(): Promise<readonly PassedOver[]> {
    return (await this.#reading()).passedOver();
  }

  async clockSkew(): Promise<ClockSkew | undefined> {
    return (await this.#reading()).clockSkew();
  }

  async skip(offset: number): Promise<void> {
    await (await this.#reading()).skip(offset);
  }

  async snapshot(): Promise<boolean> {
    return (await this.#reading()).snapshot();
  }

  async renewSnapshots(isDry: boolean): Promise<number> {
    return (await this.#reading()).renewSnapshots(isDry);
  }

  watch(topic: Topic): Watch {
    const watch = this.#listeners.watch(nameOf(topic), Infinity, () => {});
    void this.#reading().then((log) => log.follow());
    return watch;
  }

  get away(): boolean {
    return this.#client.away;
  }

  get now(): number {
    return this.#options.clock();
  }

  get forgets(): boolean {
    return true;
  }

  get refusesUnknownRoles(): boolean {
    return true;
  }

  get place(): QueuePlace {
    const { vhost, prefix } = this.#client.address;
    return { vhost, prefix };
  }

  async close(): Promise<void> {
    try {
      await this.leave();
    } finally {
      await (await this.#log)?.close();
    }
  }

  async leave(): Promise<void> {
    try {
      await (await this.#log)?.settled();
    } finally {
      await this.#client.close(this.#claimed);
    }
  }
}
