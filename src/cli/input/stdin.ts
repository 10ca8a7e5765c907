import type { Readable } from 'node:stream';
import { refuseLarger, unreadable } from '../../app/workspace/text-file.ts';

/**
 * Everything that a stream holds.
 * @param most the most bytes that it may have; no more than that, and a piece, is read
 * @throws AgentqError `too-large`, or `unreadable-file`
 */
export async function readAll(stream: Readable, most: number, what: string, hint: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      refuseLarger(size, most, what, hint);
      chunks.push(bytes);
    }
  } catch (error) {
    throw unreadable(error, what);
  }
  return Buffer.concat(chunks);
}
