import type { Backend, Filter } from '../backend/backend.ts';
import type { Task } from '../core/task/task.ts';

const PAGE = 500;

/** Every task that matches the filter, newest first, page by page. @param size the number of tasks of a page */
export async function* everyTask(
  backend: Backend,
  filter: Omit<Filter, 'limit'> = {},
  size = PAGE,
): AsyncGenerator<Task> {
  for (let { before } = filter; ;) {
    const page = await backend.list({ ...filter, limit: size, ...(before !== undefined && { before }) });
    yield* page;
    before = page.at(-1)?.id;
    if (page.length < size) return;
  }
}
