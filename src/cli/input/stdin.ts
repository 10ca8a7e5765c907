import type { Readable } from 'node:stream';
import { refuseLarger, unreadable } from '../../app/workspace/text-file.ts';

/**
 * The whole content of a stream.
 * @param most the maximum size in bytes; it reads at most this and one more chunk
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
