import { lstatSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import { place, readRegular, stageSync, syncFolder } from './durable-file.ts';

/** The file in a store that says which store it is: an empty mount point has none. */
const MARKER = '.agentq-store';

/** The id in the store; undefined where there is none. */
export function storeId(root: string): string | undefined {
  try {
    const { id } = JSON.parse(readRegular(join(root, MARKER)).toString('utf8')) as { id?: unknown };
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Marks the store durably, unless it is marked. @returns the id that it has then */
export function markStore(root: string, id: string, mode: number): string {
  const marker = join(root, MARKER);
  const staged = stageSync(marker, Buffer.from(`${JSON.stringify({ format: 1, id })}\n`), mode);
  if (!place(staged, marker)) unlinkSync(staged);
  syncFolder(root);
  return storeId(root) ?? unreadableMarker(marker);
}

/**
 * @param expected the id of the store that the workspace was made with; undefined where none was noted
 * @throws AgentqError `storage` where another store lies there, or none
 */
export function checkStore(root: string, expected: string | undefined): void {
  if (expected === undefined && isFolder(root)) return;
  const found = expected === undefined ? undefined : storeId(root);
  if (found !== undefined && found === expected) return;
  const what = found === undefined ? 'the store is not there' : 'another store lies there';
  throw new AgentqError(
    'storage',
    `${what}: ${root}`,
    'is its disk mounted? where this is the right place: agentq init',
  );
}

function isFolder(path: string): boolean {
  return lstatSync(`${path}/`, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function unreadableMarker(path: string): never {
  throw new AgentqError('storage', `${path} is no marker of a store`, 'look at it, and delete it');
}
