import { isPlain, type Measure } from './display-width.ts';

/** Shortens a text to a number of columns, at its end or in its middle, and marks the place. */
export function clip(text: string, columns: number, at: 'end' | 'middle', measure: Measure): string {
  if (measure(text) <= columns) return text;
  // Far more than fits is not divided: a reason can have thousands of characters.
  const letters = at === 'end' ? lettersOf(text.slice(0, columns * 16)) : lettersOf(text);
  const tail = at === 'end' ? 0 : Math.floor((columns - 1) / 2);
  const front = take(letters, columns - 1 - tail, measure).join('');
  const back = take(letters.toReversed(), tail, measure).toReversed().join('');
  return `${at === 'end' ? front.trimEnd() : front}…${back}`;
}

let segmenter: Intl.Segmenter | undefined;

/** Characters as a reader sees them: an emoji of several code points is one. */
function lettersOf(text: string): string[] {
  if (isPlain(text)) return text.split('');
  segmenter ??= new Intl.Segmenter();
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

function take(letters: readonly string[], columns: number, measure: Measure): string[] {
  let left = columns;
  const end = letters.findIndex((letter) => (left -= measure(letter)) < 0);
  return letters.slice(0, end === -1 ? undefined : end);
}
