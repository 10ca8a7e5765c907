import { AgentqError, type Refusal } from '../../../core/errors.ts';
import { type Applied, refusalOf } from '../../../core/log/apply-entry.ts';
import { decideThing } from '../../../core/log/decide-thing.ts';
import type { Kinds } from '../../../core/log/kind.ts';
import type { LogEvent, LogKinds } from '../../../core/log/rules.ts';
import type { Given, ThingDecision } from '../../../core/thing.ts';
import type { Outcome, ThingRequest } from '../../backend.ts';
import { findThing } from '../../projection/things.ts';
import type { Cache } from '../cache/cache.ts';
import type { Log } from '../log/log.ts';
import type { MessageRelay } from './messages/message-relay.ts';
import { reportingUnknownOutcome } from './unknown-outcome.ts';

/** How often a change is tried again after another process was faster. */
const TRIES = 100;

export interface ThingCommitParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly relay: MessageRelay;
}

/** Changes things of other kinds than tasks. The log accepts such events only from coordinators. */
export class ThingCommits {
  readonly #parts: ThingCommitParts;
  readonly #given: Given;

  constructor(parts: ThingCommitParts, given: Given) {
    this.#parts = parts;
    this.#given = given;
  }

  /**
   * One command, decided on the state in the cache.
   * @param foresee returns what follows from events
   */
  async commit(request: ThingRequest, foresee: (events: readonly LogEvent[]) => Applied<LogKinds>): Promise<Outcome> {
    const { log, relay } = this.#parts;
    const { about, command } = request;
    let current = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const { events, refusal } = this.#decide(request, findThing(this.#parts.cache.db, about));
      if (!current && (refusal || events.length === 0)) {
        await log.catchUp();
        current = true;
        continue;
      }
      if (refusal || events.length === 0) return outcomeOf([], refusal);
      const foreseen = foresee(events);
      const conflict = refusalOf(foreseen);
      if (conflict) return outcomeOf([], conflict);
      const id = log.newId();
      const { ended } = foreseen;
      const change = { name: `${command.type} of the ${about.kind} ${about.id}`, hint: 'look before you run it again' };
      const append = (onSent: () => void) => log.happen(events, [], id, { onSent, ended });
      if (await reportingUnknownOutcome(change, append)) {
        await relay.after(foreseen, id, false);
        return outcomeOf(events);
      }
      current = true;
    }
    throw new AgentqError('busy', `other processes keep changing the ${about.kind} ${about.id}`, 'try again');
  }

  /** One command of a batch. @param things the things that the batch has changed so far, by kind and id */
  decideIn(things: Map<string, unknown>, request: ThingRequest) {
    const { about } = request;
    const key = `${about.kind} ${about.id}`;
    const before = things.has(key) ? things.get(key) : findThing(this.#parts.cache.db, about);
    const { events, refusal } = this.#decide(request, before);
    const kind = (this.#parts.cache.rules.kinds as Kinds)[about.kind]!;
    let state = before;
    for (const event of events) ({ state } = kind.evolve(state, event));
    things.set(key, state);
    return { events, outcome: outcomeOf(events, refusal) };
  }

  #decide({ about, command }: ThingRequest, state: unknown): ThingDecision<LogEvent> {
    return decideThing(this.#parts.cache.rules.kinds, about.kind, state, command, { now: this.#given.now });
  }
}

function outcomeOf(events: readonly LogEvent[], refusal?: Refusal): Outcome {
  return { task: undefined, changed: events.length > 0, ...(refusal && { refusal }) };
}
