import { chmodSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRegular } from '../../files/regular-file.ts';
import { storeFolder } from './store-folder.ts';
import { scanFolder } from './store-scan.ts';

/** The files that were in the places of an attempt when its claim received them. */
interface Snapshot {
  /** The claim that received the places. */
  readonly claim: string;
  /** The identity and the last change time of the file at each path. */
  readonly before: Readonly<Record<string, string>>;
}

/**
 * Creates the folder of an attempt, and records the files that are already in it and in the other places of the
 * attempt: an older database may have had an attempt with the same name.
 * @param others paths outside of the folder that the attempt may write as well
 * @returns where the folder lies
 */
export function giveFolder(
  root: string,
  folder: string,
  claim: string,
  others: readonly string[],
  modes: { readonly file: number; readonly folder: number },
): string {
  const above = storeFolder(root, dirname(folder), modes.folder);
  const path = storeFolder(root, folder, modes.folder);
  const before: Record<string, string> = {};
  for (const one of [...scanFolder(root, folder).paths, ...others]) {
    const file = fileAt(root, one);
    if (file !== undefined) before[one] = file;
  }
  const note = noteOf(above, folder);
  rmSync(note, { force: true, recursive: true });
  writeFileSync(note, JSON.stringify({ claim, before } satisfies Snapshot), { flag: 'wx', mode: modes.file });
  chmodSync(note, modes.file); // independent of the umask
  return path;
}

/** The paths that were written since that claim received the folder; empty if it did not receive it. */
export function writtenSince(root: string, folder: string, claim: string, paths: readonly string[]): string[] {
  const snapshot = readSnapshot(root, folder);
  if (snapshot?.claim !== claim) return [];
  const before = new Map(Object.entries(snapshot.before));
  return paths.filter((path) => {
    const file = fileAt(root, path);
    return file !== undefined && file !== before.get(path);
  });
}

function readSnapshot(root: string, folder: string): Snapshot | undefined {
  try {
    const above = storeFolder(root, dirname(folder));
    return JSON.parse(readRegular(noteOf(above, folder)).toString('utf8')) as Snapshot;
  } catch {
    return undefined;
  }
}

/** Beside the folder, because a program may empty the folder before it writes. */
function noteOf(above: string, folder: string): string {
  return join(above, `.agentq-claim-${folder.slice(folder.lastIndexOf('/') + 1)}`);
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
