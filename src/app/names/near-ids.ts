import { AgentqError } from '../../core/errors.ts';
import { describePruned } from '../../core/task/decision/pruned.ts';
import { nearest } from '../near-names.ts';
import type { Services } from '../workspace/services.ts';

const CANDIDATES = 200;

/** A shorter prefix could match every task. */
const SHORTEST = 7;

/** The error for an unknown id: when the task was pruned, or similar known ids. */
export async function unknownTask({ backend }: Services, id: string): Promise<AgentqError> {
  const pruned = await backend.pruned(id);
  if (pruned) {
    return new AgentqError('not-found', describePruned(pruned), 'its content and its evidence are removed');
  }
  const beginning = id.slice(0, Math.max(SHORTEST, Math.ceil(id.length / 2)));
  const pages = await Promise.all([
    backend.list({ limit: CANDIDATES }),
    backend.list({ id_prefix: beginning, limit: CANDIDATES }),
  ]);
  const known = new Set(pages.flat().map((task) => task.id));
  const longer = [...known].filter((one) => one.startsWith(id));
  const near = new Set([...nearest(id, known, (one) => one), ...longer]);
  const hint = near.size > 0 ? `did you mean ${[...near].slice(0, 3).join(', ')}?` : 'agentq list prints the tasks';
  return new AgentqError('not-found', `no task ${JSON.stringify(id)}`, hint);
}
