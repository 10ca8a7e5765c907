import { chmodSync, lstatSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readRegular } from '../../files/regular-file.ts';
import { removeFolder } from '../../files/remove-folder.ts';
import { storeFolder } from './store-folder.ts';
import type { StoreModes } from './store-modes.ts';
import { scanChecked } from './store-scan.ts';

/** The files that were in the places of an attempt when its claim received them. */
interface Snapshot {
  /** The claim that received the places. */
  readonly claim: string;
  /** The identity and the last change time of the file at each path. */
  readonly before: Readonly<Record<string, string>>;
}

/**
 * Creates the folders of an attempt, and records the files that are already in its own one and in the other places of
 * the attempt: an older database may have had an attempt with the same name.
 * @param others paths outside of the folder that the attempt may write as well
 * @returns where the folder lies
 */
export function giveFolder(
  root: string,
  folder: string,
  claim: string,
  others: readonly string[],
  modes: StoreModes,
): string {
  const path = storeFolder(root, folder, modes.folder);
  for (const one of others) storeFolder(root, dirname(one), modes.folder);
  const before: Record<string, string> = {};
  for (const one of [...scanChecked(root, folder).paths, ...others]) {
    const file = fileAt(root, one);
    if (file !== undefined) before[one] = file;
  }
  const note = noteOf(path);
  rmSync(note, { force: true, recursive: true });
  writeFileSync(note, JSON.stringify({ claim, before } satisfies Snapshot), { flag: 'wx', mode: modes.file });
  chmodSync(note, modes.file); // independent of the umask
  return path;
}

/** Removes the folder of an attempt, its note, and the folder above if that is then empty. */
export function removeAttempt(root: string, folder: string): void {
  let above: string;
  try {
    above = storeFolder(root, dirname(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const path = join(above, basename(folder));
  removeFolder(path);
  rmSync(noteOf(path), { force: true });
  if (readdirSync(above).length === 0) rmdirSync(above);
}

/** Whether the file at a path was written since that claim received the folder; always false if it did not receive it. */
export function writtenSince(root: string, folder: string, claim: string): (path: string) => boolean {
  let before: ReadonlyMap<string, string> | 'not received' | undefined;
  return (path) => {
    // Most attempts leave no file: then the note is not read.
    before ??= filesBefore(root, folder, claim);
    if (before === 'not received') return false;
    const file = fileAt(root, path);
    return file !== undefined && file !== before.get(path);
  };
}

function filesBefore(root: string, folder: string, claim: string): ReadonlyMap<string, string> | 'not received' {
  const snapshot = readSnapshot(root, folder);
  return snapshot?.claim === claim ? new Map(Object.entries(snapshot.before)) : 'not received';
}

function readSnapshot(root: string, folder: string): Snapshot | undefined {
  try {
    storeFolder(root, dirname(folder));
    return JSON.parse(readRegular(noteOf(join(root, folder))).toString('utf8')) as Snapshot;
  } catch {
    return undefined;
  }
}

/** Beside the folder, because a program may empty the folder before it writes. */
function noteOf(folder: string): string {
  return join(dirname(folder), `.agentq-claim-${basename(folder)}`);
}

/**
 * Identifies a file and its version: it differs for another file at the same path, and after each write. No program can
 * set the change time.
 * @returns undefined if there is no visible file
 */
function fileAt(root: string, path: string): string | undefined {
  try {
    const info = lstatSync(join(root, path), { bigint: true });
    return info.isFile() ? `${info.ino} ${info.ctimeNs}` : undefined;
  } catch {
    return undefined;
  }
}
