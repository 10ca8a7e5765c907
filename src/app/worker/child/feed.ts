import { createReadStream } from 'node:fs';
import { pipeline, type Writable } from 'node:stream';
import type { Brief } from '../../brief.ts';

/** Gives a child what it gets to read. A child that stops reading is not an error. */
export function feed(stdin: Writable | undefined, brief: Brief): void {
  if (!stdin) return;
  if ('file' in brief) pipeline(createReadStream(brief.file, { highWaterMark: 1024 * 1024 }), stdin, () => {});
  else stdin.end(brief);
}
