import { clip } from '../output/layout/clip.ts';
import type { Measure } from '../output/layout/display-width.ts';

export type Look = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** A piece of a line. The text has no control characters and no colours. */
export interface Span {
  readonly text: string;
  readonly look?: Look | undefined;
}

/** One line of the screen. */
export interface Line {
  readonly spans: readonly Span[];
  /** Whether it is shown inverse over the whole width: the title, and the selected row. */
  readonly isMarked?: boolean;
}

export function line(text: string, look?: Look): Line {
  return { spans: [{ text, look }] };
}

export const textOf = ({ spans }: Line): string => spans.map(({ text }) => text).join('');

/** Cuts a line that is longer than the screen is wide. */
export function fit({ spans, ...others }: Line, columns: number, measure: Measure): Line {
  const kept: Span[] = [];
  let left = columns;
  for (const span of spans) {
    if (left <= 0) break;
    const text = clip(span.text, left, 'end', measure);
    kept.push({ ...span, text });
    left -= measure(text);
  }
  return { ...others, spans: kept };
}
