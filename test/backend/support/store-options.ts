import type { BackendOptions } from '../../../src/backend/options.ts';

/** How a process of the tests opens the store in a folder. Without vitest: the children import it as well. */
export function storeOptions(dir: string, more: Partial<BackendOptions> = {}): BackendOptions {
  return {
    dir,
    fileMode: 0o600,
    folderMode: 0o700,
    clock: Date.now,
    random: Math.random,
    queue: { scheme: 'file' },
    ...more,
  };
}
