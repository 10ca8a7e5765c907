import type { Backend } from '../../../src/backend/backend.ts';

/**
 * A backend that holds each commit until it is released, so that another process can act between the storage of files
 * and the commit that names them.
 */
export function holdCommits(backend: Backend) {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const held: Pick<Backend, 'task' | 'commit'> = {
    task: (id) => backend.task(id),
    commit: async (requests) => {
      reached.resolve();
      await released.promise;
      return backend.commit(requests);
    },
  };
  return { held: held as Backend, reached: reached.promise, release: () => released.resolve() };
}
