/**
 * Finds which of many words a text contains, in one pass: to look for each of them in turn takes as many passes.
 * @param words of at least two characters
 */
export function keywordIndex(words: readonly string[]): (text: string) => ReadonlySet<string> {
  const byStart: string[][] = [];
  // Which pairs of characters begin a word, so that most places of a text cost one look.
  const starts = new Uint16Array(256 * 256);
  for (const word of new Set(words)) {
    const pair = pairAt(word, 0);
    starts[pair] ||= byStart.push([]);
    byStart[starts[pair] - 1]!.push(word);
  }
  return (text) => {
    const found = new Set<string>();
    for (let at = 0; at < text.length - 1; at++) {
      const start = starts[pairAt(text, at)]!;
      if (start === 0) continue;
      for (const word of byStart[start - 1]!) if (text.startsWith(word, at)) found.add(word);
    }
    return found;
  };
}

/** Two characters as a number; those beyond Latin-1 are taken for others, which costs a look. */
const pairAt = (text: string, at: number) => ((text.charCodeAt(at) & 0xff) << 8) | (text.charCodeAt(at + 1) & 0xff);
