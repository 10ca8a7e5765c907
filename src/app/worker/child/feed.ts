import { createReadStream } from 'node:fs';
import { pipeline, type Writable } from 'node:stream';
import type { Brief } from '../../assignment/brief.ts';

/** Writes the brief to the standard input of a child. It is not an error if the child stops reading. */
export function feed(stdin: Writable | undefined, brief: Brief): void {
  if (!stdin) return;
  if (brief.bytes) stdin.end(brief.bytes);
  else pipeline(createReadStream(brief.file, { highWaterMark: 1024 * 1024 }), stdin, () => {});
}
