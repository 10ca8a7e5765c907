import { readFileSync } from 'node:fs';

/** A file of the project, by its path from the root. */
export function projectFile(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The part of a Markdown file below a heading of the second level, up to the next one. */
export function section(markdown: string, heading: string): string {
  const found = markdown.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`there is no section ${heading}`);
  return found.slice(heading.length);
}

/** The texts in backticks, in order. */
export function quoted(markdown: string): string[] {
  return [...markdown.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
}

/** The rows of every table, without its head. */
export function rows(markdown: string): string[][] {
  const lines = markdown.split('\n');
  const ruler = (line = '') => line.startsWith('| -');
  return lines
    .filter((line, i) => line.startsWith('|') && !ruler(line) && !ruler(lines[i + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** The first cell of each row of the tables. */
export const firstCells = (markdown: string): string[] => rows(markdown).map(([cell]) => cell!);
