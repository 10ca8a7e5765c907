import { closeSync, openSync, writeSync } from 'node:fs';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Task } from '../core/task/task.ts';

/** The maximum size of a context in memory, in bytes. */
const LARGE = 64 * 1024 * 1024;

/** The brief for a worker: as text or as a file. */
export type Brief = Uint8Array | { readonly file: string };

/**
 * The instructions, and the context file below them.
 * @param file the path for a large brief that is more than one file of the store
 * @throws AgentqError `drift` if the context differs from the submitted one
 */
export async function brief(store: ArtifactStore, { envelope, context }: Task, file: string): Promise<Brief> {
  const { instructions } = envelope;
  const above = instructions === undefined ? '' : `${instructions}\n${context ? '\n' : ''}`;
  if (!context || context.size <= LARGE)
    return Buffer.concat([Buffer.from(above), ...(context ? [await store.read(context)] : [])]);
  if (instructions === undefined) {
    await store.readInto(context, () => {}); // checks the hash
    return { file: store.locate(context.path) };
  }
  const sink = openSync(file, 'wx', 0o600);
  try {
    writeSync(sink, above);
    await store.readInto(context, (bytes) => writeAll(sink, bytes));
  } finally {
    closeSync(sink);
  }
  return { file };
}

function writeAll(sink: number, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSync(sink, rest));
}
