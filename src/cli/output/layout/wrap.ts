import { widthAtMost } from './display-width.ts';

/** A word with the blanks before it. A line may also end between two ideographs, which have no blanks between them. */
const word = /( *)([\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]|[^ \u3000-\u9fff\uac00-\ud7af\uff00-\uffef]+)/g;

/**
 * Breaks a line at blanks, so that it fits into `width` columns. A word that is longer stays whole: it may be a path or
 * an id that a person copies.
 * @param hang the indentation of the further lines, in columns; the first line has no break before this column
 */
export function wrap(line: string, width: number, hang = 0): string {
  if (widthAtMost(line) <= width) return line;
  const lines: string[] = [];
  let current = '';
  let used = 0;
  for (const [, gap, text] of line.matchAll(word)) {
    const size = widthAtMost(text!);
    if (used > hang && used + gap!.length + size > width) {
      lines.push(current);
      current = ' '.repeat(hang) + text!;
      used = hang + size;
    } else {
      current += gap! + text!;
      used += gap!.length + size;
    }
  }
  return [...lines, current].join('\n');
}
