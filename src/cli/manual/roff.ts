/** Makes lines of a manual page, in the macros `man` of roff. */

/** Text as roff prints it. Characters that are not ASCII are named, because not every roff reads UTF-8. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(
      /[^\x20-\x7e\n]/gu,
      (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replaceAll(/^(?=[.'])/gm, '\\&');
}

export const bold = (text: string) => `\\fB${escaped(text)}\\fR`;

export const section = (title: string) => `.SH ${title.toUpperCase()}`;

export const subsection = (title: string) => `.SS ${escaped(title)}`;

/** A term, and what it means. */
export const entry = (term: string, meaning: string) => `.TP\n${bold(term)}\n${escaped(meaning)}`;

/**
 * Paragraphs of plain text. A paragraph with columns keeps its lines; the lines of the others are filled.
 * @param text paragraphs are separated by empty lines
 */
export function paragraphs(text: string): string[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) =>
      /^ |\S {2,}\S/m.test(paragraph) ? `.PP\n.nf\n${escaped(paragraph)}\n.fi` : `.PP\n${escaped(paragraph)}`,
    );
}
