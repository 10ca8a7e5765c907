import { realpathSync } from 'node:fs';
import { basename, dirname, join, parse, relative, resolve, sep } from 'node:path';

/**
 * The path in a store of a file of the local disk, with `/` between its parts; undefined if the file is not in the
 * store.
 */
export function pathInside(root: string, file: string): string | undefined {
  const inside = relative(realFolder(root), realParent(file));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside) return undefined;
  return inside.split(sep).join('/');
}

/** Whether a normalized absolute path is that of the folder or is below it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
}

/** `results/a.md` for 1, `results/a~2.md` for 2: no task id contains `~`, so the name cannot belong to another task. */
export function numbered(path: string, n: number): string {
  if (n === 1) return path;
  const { dir, name, ext } = parse(path);
  return `${dir}/${name}~${n}${ext}`;
}

/** Follows links in the folder but not in the file: a link inside the store is not a file of the store. */
function realParent(file: string): string {
  const absolute = resolve(file);
  return join(realFolder(dirname(absolute)), basename(absolute));
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
