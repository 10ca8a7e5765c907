import type { Io, Style } from './io.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row, style: Style) => string;
  readonly align?: 'right';
}

/** A table with aligned columns, for people. */
export async function printTable<Row>(io: Io, rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  const style = await io.style();
  // Loaded here, because its tables of wide characters take 10 ms.
  const { default: stringWidth } = await import('string-width');
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row, style)));
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) =>
    [titles, ...cells].reduce((most, line) => Math.max(most, stringWidth(line[i]!)), 0),
  );
  const pad = (text: string, i: number) => {
    const space = ' '.repeat(widths[i]! - stringWidth(text));
    return columns[i]!.align === 'right' ? space + text : text + space;
  };
  const print = (line: readonly string[]) => line.map(pad).join('  ').trimEnd();
  io.line(style.dim(print(titles)));
  for (const line of cells) io.line(print(line));
}
