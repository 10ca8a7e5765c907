import type { Task } from '../core/task.ts';
import { obey } from './obey.ts';
import type { Services } from './services.ts';

const PAGE = 500;

/**
 * Puts dead letters back into the queue, or takes them out of the list.
 * @param ids undefined for all that there are
 * @throws AgentqError at the first that is no dead letter; those before it are done
 */
export async function* commitEach(
  services: Services,
  ids: readonly string[] | undefined,
  type: 'retry' | 'dismiss',
  by: string,
): AsyncGenerator<{ readonly task: Task; readonly changed: boolean }> {
  for (const id of ids ?? (await everyDeadLetter(services))) yield obey(services, id, { type, by });
}

async function everyDeadLetter({ backend }: Services): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const before = ids.at(-1);
    const page = await backend.list({ dead: true, limit: PAGE, ...(before !== undefined && { before }) });
    ids.push(...page.map((task) => task.id));
    if (page.length < PAGE) return ids;
  }
}
