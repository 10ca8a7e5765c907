/** Tells how many columns of a terminal a text takes. */
export type Measure = (text: string) => number;

export const isPlain = (text: string): boolean => /^[\u0020-\u007e]*$/.test(text);

const colours = /\u001b\[[\d;]*m/g;

/**
 * An upper bound, without the tables of Unicode: each character that may be wide counts as wide. Colours count as
 * nothing. For text that is wrapped and not aligned.
 */
export const widthAtMost: Measure = (text) => {
  const bare = text.replace(colours, '');
  if (isPlain(bare)) return bare.length;
  let columns = 0;
  for (const char of bare) columns += mayBeWide(char.codePointAt(0)!) ? 2 : 1;
  return columns;
};

function mayBeWide(code: number): boolean {
  if (code < 0x1100) return false;
  const narrow =
    (code >= 0x1e00 && code < 0x2300) || (code >= 0x2400 && code < 0x25a0) || (code >= 0x27c0 && code < 0x2e80);
  return !narrow;
}

/** The exact width, for texts without colours. */
export async function measureFor(texts: Iterable<string>): Promise<Measure> {
  for (const text of texts) {
    // Loaded only if it is needed, because its tables of wide characters take 10 ms.
    if (!isPlain(text)) return (await import('string-width')).default;
  }
  return (text) => text.length;
}
