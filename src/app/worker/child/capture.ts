import { closeSync, fstatSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ArtifactStore } from '../../../artifacts/store.ts';
import type { Evidence } from '../../../core/evidence/evidence.ts';

/** The length of the end of a log that is searched for a reason, in bytes. */
const TAIL = 4_096;

/** The maximum length of a reason from a log, in characters. */
const LONGEST = 200;

interface Streams {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/**
 * Saves the output of a child: both streams in the log, and standard output also separately, because it is the result
 * of a child that writes no result file. It uses files, because the output may be large. All output passes through this
 * class, so that later output of a remaining grandchild cannot change the record.
 */
export class Capture {
  readonly #log: number;
  readonly #stdout: number;
  readonly #onTrouble: (problem: string) => void;
  #troubled = false;
  /** The length of the notes at the end of the log, in bytes. */
  #noted = 0;
  readonly logFile: string;
  readonly stdoutFile: string;

  /**
   * @param scratch the folder of the files, which the child can reach
   * @param onTrouble called once if the output cannot be saved, for example on a full disk
   */
  constructor(scratch: string, mode: number, onTrouble: (problem: string) => void) {
    this.#onTrouble = onTrouble;
    this.logFile = join(scratch, 'log.txt');
    this.stdoutFile = join(scratch, 'stdout');
    this.#log = openSync(this.logFile, 'wx+', mode);
    this.#stdout = openSync(this.stdoutFile, 'wx', mode);
  }

  /** Whether the files are still those that were written: a child may remove or replace files in its scratch folder. */
  get intact(): boolean {
    return isAt(this.logFile, this.#log) && isAt(this.stdoutFile, this.#stdout);
  }

  /** Whether the child printed anything. */
  get hasOutput(): boolean {
    return fstatSync(this.#log).size > 0;
  }

  /** Whether the child printed anything to standard output. */
  get answered(): boolean {
    return fstatSync(this.#stdout).size > 0;
  }

  /**
   * Puts the log into its place in the store after the output has ended. A problem with the log does not fail the
   * attempt, because the work is done.
   */
  async keepLog(store: ArtifactStore, path: string, onLoss: (problem: string) => void): Promise<readonly Evidence[]> {
    if (!this.hasOutput) return [];
    try {
      if (!isAt(this.logFile, this.#log)) throw new Error(`${this.logFile} was removed or replaced`);
      const stored = await store.put([{ path, name: 'log', source: { file: this.logFile, own: true } }]);
      return stored.map(({ evidence }) => evidence);
    } catch (error) {
      onLoss((error as Error).message);
      return [];
    }
  }

  /** Resolves when the streams have ended, or `grace` ms after `exit`: a grandchild may hold them open for ever. */
  async follow({ stdout, stderr }: Streams, exit: Promise<unknown>, grace = 1_000): Promise<void> {
    stdout.on('data', (chunk: Buffer) => this.#write(chunk, this.#log, this.#stdout));
    stderr.on('data', (chunk: Buffer) => this.#write(chunk, this.#log));
    const streams = [stdout, stderr];
    const ended = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
    let timer: NodeJS.Timeout | undefined;
    const patience = exit.then(() => new Promise<void>((resolve) => (timer = setTimeout(resolve, grace))));
    await Promise.race([ended, patience]);
    clearTimeout(timer);
    for (const stream of streams) stream.destroy();
  }

  #write(chunk: Buffer, ...files: number[]): void {
    if (this.#troubled) return;
    try {
      for (const file of files) writeSync(file, chunk);
    } catch (error) {
      this.#troubled = true;
      this.#onTrouble((error as Error).message);
    }
  }

  /** Adds a line of the worker to the log, after the output of the child has ended. */
  note(line: string): void {
    const note = Buffer.from(`${line}\n`);
    this.#write(note, this.#log);
    this.#noted += note.length;
  }

  /** The line at the end of the log with the reason: the last line that mentions an error, or else the last line. */
  complaint(): string | undefined {
    const tail = Buffer.alloc(TAIL);
    const size = Math.max(0, fstatSync(this.#log).size - this.#noted);
    const read = readSync(this.#log, tail, 0, Math.min(TAIL, size), Math.max(0, size - TAIL));
    const lines = tail
      .toString('utf8', 0, read)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const line = lines.findLast((one) => /error|exception|fatal|panic|fail|cannot|denied/i.test(one)) ?? lines.at(-1);
    return line?.slice(0, LONGEST);
  }

  close(): void {
    closeSync(this.#log);
    closeSync(this.#stdout);
  }
}

/** Whether the open file is the file at the path. */
function isAt(path: string, fd: number): boolean {
  const open = fstatSync(fd);
  const there = lstatSync(path, { throwIfNoEntry: false });
  return there?.dev === open.dev && there.ino === open.ino;
}
