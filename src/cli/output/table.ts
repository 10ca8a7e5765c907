import { clip } from './layout/clip.ts';
import { type Content, columnWidths, GAP } from './layout/column-widths.ts';
import { measureFor } from './layout/display-width.ts';
import type { Io, Style } from './io.ts';

type Paint = (text: string) => string;

/** A column of a table. `content` and `drop` say how it gives way: see `layout/column-widths.ts`. */
export interface Column<Row> {
  readonly title: string;
  /** Text without colours and control characters. */
  readonly cell: (row: Row) => string;
  readonly paint?: (row: Row, style: Style) => Paint;
  readonly align?: 'right';
  /** `fact` if absent. */
  readonly content?: Content;
  readonly drop?: number;
}

/** A number of 0, and a value that is unknown or absent. */
const BLANK: ReadonlySet<string> = new Set(['', '0', '-']);

/**
 * A table with aligned columns, for people. It fits the width of the terminal. An output that is no terminal gets every
 * column and all values whole.
 */
export async function printTable<Row>(io: Io, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  const style = await io.style();
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const measure = await measureFor(cells.flat());
  const shapes = columns.map(({ title, content = 'fact', drop }, i) => ({
    content,
    drop,
    natural: cells.reduce((most, line) => Math.max(most, measure(line[i]!)), title.length),
    blank: cells.every((line) => BLANK.has(line[i]!)),
  }));
  const widths = columnWidths(shapes, io.width);
  const last = widths.findLastIndex((width) => width !== undefined);
  const line = (texts: readonly string[], paint?: (column: Column<Row>) => Paint | undefined) =>
    columns
      .flatMap((column, i) => {
        const width = widths[i];
        if (width === undefined) return [];
        const short = clip(texts[i]!, width, column.content === 'text' ? 'end' : 'middle', measure);
        const painted = paint?.(column)?.(short) ?? short;
        const space = ' '.repeat(Math.max(0, width - measure(short)));
        if (column.align === 'right') return [space + painted];
        return [i === last ? painted : painted + space];
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  io.line(style.dim(line(columns.map(({ title }) => title))));
  rows.forEach((row, n) => io.line(line(cells[n]!, ({ paint }) => paint?.(row, style))));
  if (shapes.some(({ content, natural }, i) => content === 'id' && widths[i]! < natural))
    io.talk('ids are shortened to fit: --json prints them whole');
}
