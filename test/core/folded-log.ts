import { type Applied, applyEntry } from '../../src/core/log/apply-entry.ts';
import { type LogEvent, type LogKinds, rules } from '../../src/core/log/rules.ts';
import type { StateOf } from '../../src/core/log/kind.ts';
import { worldOf } from '../../src/core/log/world.ts';
import type { Task } from '../../src/core/task/task.ts';
import { deepFreeze } from './freeze.ts';

/** A log that is folded entry by entry by the rules of agentq, with its states. */
export class FoldedLog {
  readonly #states = new Map<string, unknown>();
  readonly world = worldOf<LogKinds>(({ kind, id }) => this.#states.get(`${kind} ${id}`));

  add(...events: readonly LogEvent[]): Applied<LogKinds> {
    const applied = applyEntry(rules, deepFreeze([...events]), this.world);
    for (const { kind, id, after } of applied.things) this.#states.set(`${kind} ${id}`, deepFreeze(after));
    return applied;
  }

  task(id: string): Task {
    return this.world.find('task', id) as Task;
  }

  spending(scope: string): StateOf<LogKinds, 'spending'> | undefined {
    return this.world.find('spending', scope);
  }
}
