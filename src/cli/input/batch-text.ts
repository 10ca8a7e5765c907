import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { locate } from '../../app/workspace/current-folder.ts';
import { readTextFile, textOf } from '../../app/workspace/text-file.ts';
import { MAX_BATCH_BYTES } from '../../core/limits.ts';
import { readAll } from './stdin.ts';
import type { System } from '../process/system.ts';

/** The path of a file that the shell has opened: `<(…)` gives a pipe with such a path. */
const OPENED = /^\/(dev\/(stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/**
 * The text of a batch: from a file, from a pipe that the shell has opened, or from standard input.
 * @param path `-` for standard input
 * @throws AgentqError `unreadable-file`, or `too-large`
 */
export async function readBatch(path: string, system: System): Promise<string> {
  if (path === '-') return readStream(system.stdin, 'standard input');
  if (OPENED.test(path)) return readStream(createReadStream(path), path);
  return readTextFile(locate(system, path), MAX_BATCH_BYTES);
}

async function readStream(stream: Readable, what: string): Promise<string> {
  return textOf(await readAll(stream, MAX_BATCH_BYTES, what, 'split the batch'), what);
}
