import { widthAtMost } from './display-width.ts';

/** A word with the blanks before it. A line may also end between two ideographs, which have no blanks between them. */
const word = /( *)([\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]|[^ \u3000-\u9fff\uac00-\ud7af\uff00-\uffef]+)/g;

/**
 * Breaks the paragraphs of a help text anew. A paragraph is lines without indentation that follow each other; indented
 * lines stay as they are. In a paragraph with columns, each line remains one.
 * @param width Infinity for no change
 */
export function wrapParagraphs(text: string, width: number): string {
  if (width === Infinity) return text;
  return text.replace(/^\S.*(?:\n\S.*)*$/gm, (paragraph) =>
    / {2}/.test(paragraph)
      ? paragraph.replace(/.+/g, (line) => wrap(line, width, 2))
      : wrap(paragraph.replaceAll('\n', ' '), width),
  );
}

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
