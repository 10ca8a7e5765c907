import { parse } from 'node:path';

/**
 * Where an attempt leaves its evidence in the store. Every attempt has places of its own, so that a worker that
 * lost its lease and writes on can't touch what its successor writes.
 */
export function resultPath(id: string, attempt: number): string {
  return attempt === 1 ? `results/${id}.md` : `results/${id}@${attempt}.md`;
}

/** Whose result a path of `results/` is: neither `@` nor `~` is in any id. */
export function taskOf(path: string): string {
  return parse(path).name.split(/[@~]/)[0]!;
}

export function artifactsFolder(id: string): string {
  return `artifacts/${id}`;
}

export function attemptFolder(id: string, attempt: number): string {
  return `${artifactsFolder(id)}/${attempt}`;
}
