import { closeSync, fstatSync, readSync } from 'node:fs';
import { openRegular } from '../../files/regular-file.ts';

/** How much is read at once, in bytes. */
const PIECE = 64 * 1024;

const NEWLINE = 0x0a;

/** Reads a log that may still grow, from its beginning or its last lines. */
export class LogReader implements Disposable {
  readonly #fd: number;
  #at = 0;

  /** @throws if the file is missing, or is not a regular file */
  constructor(file: string) {
    this.#fd = openRegular(file, false);
  }

  /** Whether the file was removed. Its content can still be read. */
  get isRemoved(): boolean {
    return fstatSync(this.#fd).nlink === 0;
  }

  /** Continues at the beginning of the last lines of the present content. */
  skipToLast(lines: number): void {
    const { size } = fstatSync(this.#fd);
    const piece = Buffer.alloc(PIECE);
    let left = lines;
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - PIECE);
      const read = readSync(this.#fd, piece, 0, end - start, start);
      for (let i = read - 1; i >= 0; i--) {
        // The line end of the last line does not begin another one.
        if (piece[i] !== NEWLINE || start + i === size - 1) continue;
        if (--left > 0) continue;
        this.#at = start + i + 1;
        return;
      }
      end = start;
    }
  }

  /**
   * Hands over what was not read yet.
   * @param take receives it piece by piece, and returns whether it takes more
   * @returns false if `take` takes no more
   */
  read(take: (bytes: Uint8Array) => boolean): boolean {
    for (;;) {
      const piece = Buffer.alloc(PIECE);
      const read = readSync(this.#fd, piece, 0, PIECE, this.#at);
      if (read === 0) return true;
      this.#at += read;
      if (!take(piece.subarray(0, read))) return false;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
