/**
 * What a column contains, and so how it gives way if the table is too wide. A `fact` (a status, a number, a time) is
 * never shortened. An `id` is shortened only if little else is left, because a person copies it. A `name` is shortened
 * in the middle, a `text` at the end.
 */
export type Content = 'fact' | 'id' | 'name' | 'text';

/** A column before its width is known. */
export interface ColumnShape {
  readonly content: Content;
  /** The columns that its widest cell takes, or its title. */
  readonly natural: number;
  /** Columns with a number are left out if there is no room for all, 1 first. */
  readonly drop?: number | undefined;
  /** Whether no cell says anything: such a column is left out before others. */
  readonly blank: boolean;
}

/** Between two columns. */
export const GAP = 2;

/** The narrowest widths, step by step: the first step at which the table fits is taken. */
const COMFORTABLE = { text: 16, name: 12 };
/** Long ids leave room for the texts, and their ends can still be told apart. */
const LONG_IDS = { ...COMFORTABLE, id: 24 };
const TIGHT = { text: 8, name: 6, id: 24 };
const LAST = { ...TIGHT, id: 8 };
type Least = { readonly [content in Content]?: number };

/** The contents that are made narrower first, and those that follow. */
const ORDER: readonly (readonly Content[])[] = [['text', 'name'], ['id']];

/**
 * Divides the width of a table among its columns.
 * @param width may be Infinity
 * @returns the width of each column; undefined for one that is left out. The sum is greater than `width` only if what
 *   must not be left out cannot be made narrow enough
 */
export function columnWidths(shapes: readonly ColumnShape[], width: number): (number | undefined)[] {
  const leaving = shapes
    .map((shape, index) => ({ shape, index }))
    .filter(({ shape }) => shape.drop !== undefined)
    .toSorted((a, b) => Number(b.shape.blank) - Number(a.shape.blank) || a.shape.drop! - b.shape.drop!)
    .map(({ index }) => index);
  const out = new Set<number>();
  while (out.size < leaving.length && narrowest(shapes, out, COMFORTABLE) > width) out.add(leaving[out.size]!);
  const least = [COMFORTABLE, LONG_IDS, TIGHT, LAST].find((step) => narrowest(shapes, out, step) <= width) ?? LAST;
  return divide(shapes, out, least, width);
}

function leastOf({ content, natural }: ColumnShape, least: Least): number {
  return Math.min(natural, least[content] ?? natural);
}

/** The width of the table if each column is as narrow as allowed. */
function narrowest(shapes: readonly ColumnShape[], out: ReadonlySet<number>, least: Least): number {
  return total(shapes.map((shape, i) => (out.has(i) ? undefined : leastOf(shape, least))));
}

function total(widths: readonly (number | undefined)[]): number {
  const present = widths.filter((width) => width !== undefined);
  return present.reduce((sum, width) => sum + width, GAP * (present.length - 1));
}

/** Takes what is too much from the widest column, again and again, of texts and names first. */
function divide(
  shapes: readonly ColumnShape[],
  out: ReadonlySet<number>,
  least: Least,
  width: number,
): (number | undefined)[] {
  const widths = shapes.map(({ natural }, i) => (out.has(i) ? undefined : natural));
  let excess = total(widths) - width;
  for (const contents of ORDER) {
    while (excess > 0) {
      const widest = shapes.reduce<number | undefined>((best, shape, i) => {
        const candidate = widths[i];
        if (!contents.includes(shape.content) || candidate === undefined || candidate <= leastOf(shape, least))
          return best;
        return best === undefined || candidate > widths[best]! ? i : best;
      }, undefined);
      if (widest === undefined) break;
      widths[widest]! -= 1;
      excess -= 1;
    }
  }
  return widths;
}
