import { closeSync, openSync, writeSync } from 'node:fs';
import type { Task } from '../../core/task/task.ts';
import { fetchEvidence } from '../evidence/verify.ts';
import type { Services } from '../workspace/services.ts';

/** The maximum size of a context in memory, in bytes. */
const LARGE = 64 * 1024 * 1024;

/** The brief for a worker: as bytes, as a file, or both. */
export type Brief =
  { readonly bytes: Uint8Array; readonly file?: string } | { readonly bytes?: undefined; readonly file: string };

/**
 * The instructions, and the context file below them.
 * @param file the path for a large brief that is more than one file of the store
 * @param below a text that follows; may be empty
 * @throws AgentqError `drift` if the context differs from the submitted one
 */
export async function brief(
  services: Pick<Services, 'store' | 'workspace'>,
  { envelope: { instructions }, context }: Task,
  file: string,
  below: string,
): Promise<Brief> {
  if (!context) return { bytes: Buffer.from(instructions === undefined ? below : `${instructions}\n${below}`) };
  const isContextAlone = instructions === undefined && below === '';
  if (isContextAlone && context.size > LARGE) return { file: await fetchEvidence(services, context) };
  const above = Buffer.from(instructions === undefined ? '' : `${instructions}\n\n`);
  if (context.size > LARGE) {
    const sink = openSync(file, 'wx', 0o600);
    try {
      writeAll(sink, above);
      await fetchEvidence(services, context, (bytes) => writeAll(sink, bytes));
      writeAll(sink, Buffer.from(below));
    } finally {
      closeSync(sink);
    }
    return { file };
  }
  const pieces: Uint8Array[] = [above];
  const fetched = await fetchEvidence(services, context, (bytes) => pieces.push(bytes));
  pieces.push(Buffer.from(below));
  return { bytes: Buffer.concat(pieces), ...(isContextAlone && { file: fetched }) };
}

function writeAll(sink: number, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(writeSync(sink, rest));
}
