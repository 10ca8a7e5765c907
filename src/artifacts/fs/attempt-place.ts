import { chmodSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readRegular } from './durable-file.ts';
import { storeFolder } from './store-folder.ts';
import { scanFolder } from './store-scan.ts';

/** What lay in the places of an attempt when they were given to it. */
interface Snapshot {
  /** Which claim they were given to. */
  readonly claim: string;
  /** Which file each path was, and when that was last changed. */
  readonly before: Readonly<Record<string, string>>;
}

/**
 * Gives a folder to an attempt, and notes what lies in it and in the other places of the attempt already: an older
 * database may have had an attempt of the same name.
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
  chmodSync(note, modes.file); // whatever the umask takes away
  return path;
}

/** Which of the paths were written since the folder was given to that claim; none where it was not. */
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

/** Beside the folder, which a program may empty before it writes. */
function noteOf(above: string, folder: string): string {
  return join(above, `.agentq-claim-${folder.slice(folder.lastIndexOf('/') + 1)}`);
}

/**
 * Tells a file from another at its path, and from itself before a write: no program can set the time of change.
 * @returns undefined where no file is to be seen
 */
function fileAt(root: string, path: string): string | undefined {
  try {
    const info = lstatSync(join(root, path), { bigint: true });
    return info.isFile() ? `${info.ino} ${info.ctimeNs}` : undefined;
  } catch {
    return undefined;
  }
}
