import type { BackendOptions } from '../../../src/backend/options.ts';

/** The options to open the store in a folder. This file does not import vitest, because child processes import it. */
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
