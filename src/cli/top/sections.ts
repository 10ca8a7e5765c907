import { startOf } from '../../app/top/live-queue.ts';
import { formatCost } from '../../core/cost.ts';
import { formatDuration, formatMoment } from '../../core/duration.ts';
import { finishedAt, type Status } from '../../core/task/task.ts';
import type { Measure } from '../output/layout/display-width.ts';
import { bar } from '../output/line.ts';
import { headline } from '../output/report/task-text.ts';
import { visible } from '../output/visible.ts';
import { type Column, grid } from './grid.ts';
import { type Line, line } from './line.ts';
import type { Row, RowOf } from './rows.ts';

/** A line of the list. Lines with a row can be selected. */
export interface ListLine {
  readonly line: Line;
  readonly row?: Row;
}

/** Longer texts are cut before they are measured. */
const LONGEST = 300;

/** What stands on a line of the list, before it is laid out. */
type Slot = { readonly kind: 'gap' } | { readonly kind: 'titles' | 'row' | 'detail'; readonly row: Row };

/** The list without its layout: a table for each kind of row that there is. */
function slotsOf(rows: readonly Row[]): readonly Slot[] {
  return rows.flatMap((row, i): Slot[] => {
    const isFirst = rows[i - 1]?.kind !== row.kind;
    return [
      ...(isFirst && i > 0 ? [{ kind: 'gap' } as const] : []),
      ...(isFirst ? [{ kind: 'titles', row } as const] : []),
      { kind: 'row', row },
      ...(row.kind === 'working' && detailOf(row) !== '' ? [{ kind: 'detail', row } as const] : []),
    ];
  });
}

/** The room for the list. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/**
 * The lines of the list that are visible. The selected row is kept near the middle, so that the rows around it are
 * visible. Only these are laid out, because a queue may have hundreds of rows.
 */
export function visibleLines(
  rows: readonly Row[],
  selected: Row | undefined,
  { width, height }: Room,
  now: number,
  measure: Measure,
): readonly ListLine[] {
  const all = slotsOf(rows);
  const focus = all.findIndex((slot) => slot.kind === 'row' && slot.row === selected);
  const top = Math.max(0, Math.min(focus - Math.floor(height / 2), all.length - height));
  const slots = titled(all.slice(top, top + height), selected);
  const shown = (kind: Row['kind']) =>
    slots.flatMap((slot) => (slot.kind === 'row' && slot.row.kind === kind ? [slot.row] : []));
  const of = <K extends Row['kind']>(kind: K) => shown(kind) as RowOf<K>[];
  const tables = {
    role: grid(of('role'), roleColumns(now), width, measure),
    working: grid(of('working'), workingColumns(now), width, measure),
    dead: grid(of('dead'), deadColumns(now), width, measure),
    waiting: grid(of('waiting'), waitingColumns(now), width, measure),
  };
  const next = { role: 0, working: 0, dead: 0, waiting: 0 };
  return slots.map((slot): ListLine => {
    if (slot.kind === 'gap') return { line: line('') };
    const { row } = slot;
    if (slot.kind === 'titles') return { line: tables[row.kind].titles };
    if (slot.kind === 'row') return { line: tables[row.kind].lines[next[row.kind]++]!, row };
    return { line: line(`  ${row.kind === 'working' ? detailOf(row) : ''}`, 'dim') };
  });
}

/** Rows without their titles get them in place of the first one; titles without a row are left out. */
function titled(slots: readonly Slot[], selected: Row | undefined): readonly Slot[] {
  const end = slots.findLastIndex(({ kind }) => kind === 'row' || kind === 'detail');
  const [first, ...rest] = slots.slice(0, end + 1);
  if (first === undefined || first.kind === 'gap' || first.kind === 'titles') return first ? [first, ...rest] : [];
  return first.kind === 'row' && first.row === selected
    ? [first, ...rest]
    : [{ kind: 'titles', row: first.row }, ...rest];
}

function roleColumns(now: number): readonly Column<RowOf<'role'>>[] {
  const count = (title: string, status: Status, more: Partial<Column<RowOf<'role'>>> = {}): Column<RowOf<'role'>> => ({
    title,
    align: 'right',
    cell: ({ role }) => String(role.tasks[status]),
    ...more,
  });
  return [
    { title: 'ROLE', content: 'id', look: 'bold', cell: ({ role }) => visible(role.role) },
    count('QUEUED', 'queued'),
    {
      title: 'OLDEST',
      align: 'right',
      cell: ({ role: { oldest_ready_at: at } }) => (at === undefined ? '' : formatDuration(now - at)),
    },
    count('SCHEDULED', 'scheduled', { drop: 3 }),
    count('WORKING', 'working', { look: 'yellow' }),
    count('DONE', 'completed', { look: 'green', drop: 2 }),
    count('FAILED', 'failed', { look: 'red', drop: 4 }),
    count('CANCELLED', 'cancelled', { drop: 1 }),
    {
      title: 'WORKERS',
      align: 'right',
      cell: ({ workers }) => (workers.length === 0 ? 'none' : String(workers.length)),
    },
  ];
}

function workingColumns(now: number): readonly Column<RowOf<'working'>>[] {
  return [
    { title: 'WORKING', content: 'id', look: 'bold', cell: ({ task }) => visible(task.id) },
    { title: 'ROLE', content: 'name', drop: 1, cell: ({ task }) => visible(task.envelope.to) },
    { title: 'BY', content: 'name', cell: ({ task }) => visible(task.lease.worker) },
    { title: 'FOR', align: 'right', cell: ({ task }) => formatDuration(now - startOf(task)) },
    {
      title: 'PROGRESS',
      look: 'yellow',
      cell: ({ task: { progress } }) => (progress?.percent === undefined ? '' : bar(progress.percent, 10)),
    },
    { title: 'COST', align: 'right', look: 'cyan', cell: ({ task }) => formatCost(task.attempts.at(-1)?.cost ?? {}) },
  ];
}

/** The note of a running task, and the last line that it printed. */
function detailOf({ task, output = '' }: RowOf<'working'>): string {
  const parts = [task.progress?.note ?? '', output].filter((text) => text !== '');
  return parts.map((text) => visible(text.slice(0, LONGEST))).join(' │ ');
}

function deadColumns(now: number): readonly Column<RowOf<'dead'>>[] {
  return [
    { title: 'DEAD LETTER', content: 'id', look: 'bold', cell: ({ task }) => visible(task.id) },
    { title: 'ROLE', content: 'name', drop: 2, cell: ({ task }) => visible(task.envelope.to) },
    { title: 'STATUS', look: 'red', cell: ({ task }) => task.status },
    { title: 'TRIES', align: 'right', drop: 1, cell: ({ task }) => String(task.attempts.length) },
    { title: 'SINCE', cell: ({ task }) => formatMoment(finishedAt(task), now) },
    {
      title: 'REASON',
      content: 'text',
      cell: ({ task }) =>
        task.status === 'failed' ? visible(task.reason.slice(0, LONGEST)) : 'its TTL passed before it was started',
    },
  ];
}

function waitingColumns(now: number): readonly Column<RowOf<'waiting'>>[] {
  return [
    { title: 'WAITING', content: 'id', look: 'bold', cell: ({ task }) => visible(task.id) },
    { title: 'ROLE', content: 'name', drop: 2, cell: ({ task }) => visible(task.envelope.to) },
    { title: 'STATUS', look: 'cyan', cell: ({ task }) => task.status },
    { title: 'PRIORITY', drop: 1, cell: ({ task }) => task.envelope.priority },
    {
      title: 'SINCE',
      cell: ({ task }) => formatMoment(task.status === 'queued' ? task.ready_at : task.due_at, now),
    },
    { title: 'WHAT', content: 'text', cell: ({ task }) => headline(task, LONGEST) },
  ];
}
