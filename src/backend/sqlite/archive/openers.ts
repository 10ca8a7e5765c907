import { readdirSync, readlinkSync, realpathSync } from 'node:fs';

/** The other processes that have the file open, as far as the system lists them: on Linux those of the same user. */
export function openersOf(path: string): readonly number[] {
  const file = realpathSync(path);
  return entries('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => entries(`/proc/${pid}/fd`).some((fd) => target(`/proc/${pid}/fd/${fd}`) === file))
    .map(Number);
}

/** Empty for a folder that no longer exists, or that this user may not read. */
function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function target(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
