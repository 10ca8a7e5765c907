/**
 * Finds which of many words a text contains, in one pass. A search for each word would need one pass per word.
 * @param words of at least two characters
 */
export function keywordIndex(words: readonly string[]): (text: string) => ReadonlySet<string> {
  const byStart: string[][] = [];
  // The pairs of characters that begin a word. So most positions of a text need only one lookup.
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

/** Two characters as a number. Characters beyond Latin-1 collide with others, which costs only an extra lookup. */
const pairAt = (text: string, at: number) => ((text.charCodeAt(at) & 0xff) << 8) | (text.charCodeAt(at + 1) & 0xff);
