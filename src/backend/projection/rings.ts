import { isPruned, type KnownTask, presentTask } from '../../core/task/decision/pruned.ts';
import { isFinished } from '../../core/task/task.ts';
import type { Topic } from '../backend.ts';

/** The topics that changes affect, to be rung once the changes are durable. */
export class Rings {
  readonly #roles = new Set<string>();
  #finished = false;
  #changed = false;

  /** A change that concerns only the callers that watch everything. */
  addOther(): void {
    this.#changed = true;
  }

  /** A change of a role that does not show in its tasks. */
  addRole(role: string): void {
    this.#roles.add(role);
  }

  add(before: KnownTask | undefined, after: KnownTask): void {
    this.#changed = true;
    if (isPruned(after)) return;
    const task = presentTask(before);
    // An edit may have given the task to another role.
    if (after.status === task?.status && after.envelope === task.envelope) return;
    if (isFinished(after)) this.#finished = true;
    if (after.status === 'queued' || after.status === 'scheduled' || after.status === 'cancelled') {
      this.#roles.add(after.envelope.to);
    }
  }

  ring(bell: { ring(topic: Topic): void }): void {
    for (const role of this.#roles) bell.ring({ role });
    if (this.#finished) bell.ring('finished');
    if (this.#changed) bell.ring('changed');
  }
}
