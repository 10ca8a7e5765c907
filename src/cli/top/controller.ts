import { applyCommand, findTask } from '../../app/change/apply-command.ts';
import { pause } from '../../app/pause.ts';
import { nextChange, readLiveQueue } from '../../app/top/live-queue.ts';
import type { Services } from '../../app/workspace/services.ts';
import type { Watch } from '../../backend/backend.ts';
import type { CommandOf } from '../../core/task/decision/command.ts';
import type { Measure } from '../output/layout/display-width.ts';
import type { Line } from './line.ts';
import { beginning, type Effect, type Message, roleOf, type Size, type State } from './model.ts';
import { OutputWatch } from './output-watch.ts';
import { update } from './update.ts';
import { ages, view, visibleTasks } from './view.ts';

/** The shortest time from one read of the queue to the next, in ms. */
const PACE = 100;

/** The next read begins only after this many times as long as the last one took, so that reading takes a tenth of the time. */
const REST = 9;

/** The longest time between two reads, in ms, in case a doorbell ring is lost. */
const SLOW_POLL = 60_000;

/** How often a queue that cannot be read is tried again, in ms. */
const AGAIN = 2_000;

/** How often the ages on the screen and the last lines of output are renewed, in ms. */
const TICK = 1_000;

/** How often the log that is followed is looked at, in ms. */
const FOLLOW = 250;

/** What the controller draws on. */
export interface Display {
  readonly size: Size;
  draw(lines: readonly Line[]): void;
  /** Gives the terminal to the shell until the user comes back. */
  suspend(): void;
}

/** Who cancels and who retries, as `cancel` and `dlq retry` record it. */
export interface Authors {
  readonly cancel: string;
  readonly retry: string;
}

/**
 * Connects the model with the queue, the clock and the display. It reads the queue when something has changed, and not
 * otherwise; ages are computed from what was read.
 */
export class Controller {
  readonly #services: Services;
  readonly #display: Display;
  readonly #measure: Measure;
  readonly #authors: Authors;
  readonly #output: OutputWatch;
  readonly #end = new AbortController();
  /** Ends the present wait for a change. */
  #waiting = new AbortController();
  #state: State;
  #timer: NodeJS.Timeout | undefined;
  #isDrawing = false;

  constructor(services: Services, display: Display, measure: Measure, authors: Authors) {
    this.#services = services;
    this.#display = display;
    this.#measure = measure;
    this.#authors = authors;
    this.#output = new OutputWatch(services);
    this.#state = beginning(display.size);
  }

  /** Runs until the user quits, or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#stop();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    using watch = this.#services.backend.watch('changed');
    this.#draw();
    try {
      while (!this.#end.signal.aborted) await this.#readAndWait(watch);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#stop();
    }
  }

  #stop(): void {
    this.#end.abort();
    this.#waiting.abort();
    clearTimeout(this.#timer);
  }

  send(message: Message): void {
    if (this.#end.signal.aborted) return;
    const { state, effects } = update(this.#state, message);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    setImmediate(() => this.#draw());
  }

  async #readAndWait(watch: Watch): Promise<void> {
    const { monotonic, backend } = this.#services;
    this.#waiting = new AbortController();
    const before = monotonic();
    let longest = SLOW_POLL;
    try {
      const overview = await readLiveQueue(this.#services, roleOf(this.#state));
      const isFirst = this.#state.overview === undefined;
      this.send({ type: 'read', overview });
      if (isFirst) this.#readOutput();
      const due = nextChange(overview);
      if (due !== undefined) longest = Math.min(SLOW_POLL, Math.max(TICK, due - backend.now));
    } catch (error) {
      this.send({ type: 'unreadable', problem: problemOf(error) });
      longest = AGAIN;
    }
    const took = monotonic() - before;
    await pause(Math.max(PACE - took, REST * took), this.#end.signal);
    if (!this.#waiting.signal.aborted) await watch.wait(longest, this.#waiting.signal);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'quit':
        return this.#stop();
      case 'suspend':
        return this.#display.suspend();
      case 'reread':
        return this.#waiting.abort();
      case 'open':
        return this.#attempt(() => this.#open(effect.id));
      case 'follow':
        return this.#attempt(() => this.#follow(effect.id));
      case 'cancel':
        return this.#attempt(() => this.#act(effect.id, { type: 'cancel', by: this.#authors.cancel }));
      case 'retry':
        return this.#attempt(() => this.#act(effect.id, { type: 'retry', by: this.#authors.retry }));
      default:
        return effect satisfies never;
    }
  }

  /** An error of an action is shown, and ends nothing. */
  #attempt(action: () => Promise<void>): void {
    action().catch((error: unknown) => this.#say(problemOf(error), true));
  }

  #say(text: string, isBad: boolean): void {
    this.send({ type: 'notice', notice: { text, isBad } });
  }

  async #open(id: string): Promise<void> {
    const task = await findTask(this.#services, id);
    const events = await this.#services.backend.history(id);
    this.send({ type: 'task', task, events });
  }

  async #follow(id: string): Promise<void> {
    this.#output.follow(await findTask(this.#services, id));
    this.#readOutput();
  }

  async #act(id: string, command: CommandOf<'cancel' | 'retry'>): Promise<void> {
    const { task, changed } = await applyCommand(this.#services, id, command);
    this.#say(`${id} is ${changed ? '' : 'already '}${task.status}`, !changed);
  }

  /** Reads what the tasks on the screen have printed: files of this machine, and nothing of the queue. */
  #readOutput(): void {
    const page = this.#state.pages.at(-1);
    if (page?.kind === 'log') {
      const log = this.#output.log(page.text !== undefined);
      if (log && (!page.isRead || log.text !== page.text)) this.send({ type: 'log', ...log });
      return;
    }
    const tasks = visibleTasks(this.#state, this.#services.backend.now, this.#measure);
    const lines = this.#output.lastLines(tasks);
    if (lines) this.send({ type: 'output', lines });
  }

  #draw(): void {
    this.#isDrawing = false;
    if (this.#end.signal.aborted) return;
    this.#display.draw(view(this.#state, this.#services.backend.now, this.#measure));
    this.#lookLater();
  }

  /** Ages and output are looked at again as long as the screen shows any. */
  #lookLater(): void {
    clearTimeout(this.#timer);
    const followsLog = this.#state.pages.at(-1)?.kind === 'log';
    if (!followsLog && !ages(this.#state)) return;
    const look = () => {
      this.#readOutput();
      // A log is drawn when it has grown.
      if (followsLog) this.#lookLater();
      else this.#draw();
    };
    this.#timer = setTimeout(look, followsLog ? FOLLOW : TICK);
  }
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
