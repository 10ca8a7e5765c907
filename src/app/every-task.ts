import type { Backend, Filter } from '../backend/backend.ts';
import type { Task } from '../core/task/task.ts';

const PAGE = 500;

/** Every task that matches the filter, newest first, page by page. */
export async function* everyTask(backend: Backend, filter: Omit<Filter, 'limit'> = {}): AsyncGenerator<Task> {
  for (let { before } = filter; ;) {
    const page = await backend.list({ ...filter, limit: PAGE, ...(before !== undefined && { before }) });
    yield* page;
    before = page.at(-1)?.id;
    if (page.length < PAGE) return;
  }
}
