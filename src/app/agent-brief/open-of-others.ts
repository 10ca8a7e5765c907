import { openStatuses } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';

/** An agent and the number of its open tasks. */
export interface OtherAgent {
  readonly agent: string;
  readonly open: number;
}

/** How many open tasks are counted, and how many agents are named. */
const COUNTED = 1_000;
const NAMED = 3;

/** The other agents with open tasks, those with the most first: an agent that has forgotten its name finds it here. */
export async function openOfOthers({ backend }: Pick<Services, 'backend'>, as: string): Promise<readonly OtherAgent[]> {
  const open = await backend.list({ statuses: openStatuses, limit: COUNTED });
  const numbers = new Map<string, number>();
  for (const { envelope } of open)
    if (envelope.from !== as) numbers.set(envelope.from, (numbers.get(envelope.from) ?? 0) + 1);
  return [...numbers]
    .map(([agent, number]) => ({ agent, open: number }))
    .toSorted((a, b) => b.open - a.open)
    .slice(0, NAMED);
}
