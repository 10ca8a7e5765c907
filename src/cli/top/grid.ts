import { clip } from '../output/layout/clip.ts';
import { type Content, columnWidths, GAP } from '../output/layout/column-widths.ts';
import type { Measure } from '../output/layout/display-width.ts';
import type { Line, Look, Span } from './line.ts';

/** A column of a section. `content` and `drop` say how it gives way: see `output/layout/column-widths.ts`. */
export interface Column<Row> {
  readonly title: string;
  /** Text without control characters. */
  readonly cell: (row: Row) => string;
  readonly look?: Look;
  readonly align?: 'right';
  /** `fact` if absent. */
  readonly content?: Content;
  readonly drop?: number;
}

/** A table of a section: the line of the titles, and one line for each row. */
export function grid<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
  measure: Measure,
): { readonly titles: Line; readonly lines: readonly Line[] } {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const shapes = columns.map(({ title, content = 'fact', drop }, i) => ({
    content,
    drop,
    natural: cells.reduce((most, line) => Math.max(most, measure(line[i]!)), title.length),
    blank: cells.every((line) => line[i] === '' || line[i] === '0'),
  }));
  const widths = columnWidths(shapes, width);
  const last = widths.findLastIndex((width) => width !== undefined);
  const spans = (texts: readonly string[], looks: boolean): Span[] =>
    columns.flatMap(({ content, align, look }, i) => {
      const columns = widths[i];
      if (columns === undefined) return [];
      const short = clip(texts[i]!, columns, content === 'text' ? 'end' : 'middle', measure);
      const space = ' '.repeat(Math.max(0, columns - measure(short)));
      const cell = align === 'right' ? space + short : short + space;
      return [{ text: i === last ? cell : cell + ' '.repeat(GAP), look: looks ? look : 'dim' }];
    });
  const titles = columns.map(({ title }) => title);
  return {
    titles: { spans: spans(titles, false) },
    lines: cells.map((texts) => ({ spans: spans(texts, true) })),
  };
}
