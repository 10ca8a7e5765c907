import type { Backend } from './backend.ts';

/** What an adapter may want to know; each takes what it needs. */
export interface BackendOptions {
  /** The workspace's folder. */
  readonly dir: string;
  readonly fileMode: number;
  readonly folderMode: number;
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Opens the backend of a workspace. The only place that knows which adapters there are; each is loaded when it is used. */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { openSqlite } = await import('./sqlite/index.ts');
  return openSqlite(options);
}

/** Makes what the backend needs; does no harm where it is there. @returns whether anything was made */
export async function createBackend(options: BackendOptions): Promise<{ readonly created: boolean }> {
  const { createSqlite } = await import('./sqlite/index.ts');
  return createSqlite(options);
}
