import type { StatsOfPeriod } from '../../../app/stats/read-stats.ts';
import { formatCost, formatUsd } from '../../../core/cost.ts';
import { formatDuration } from '../../../core/duration.ts';
import type { Dimension, Part } from '../../../core/stats/stats.ts';
import type { Distribution } from '../../../core/stats/distribution.ts';
import type { Figures } from '../../../core/stats/tally.ts';
import type { Io } from '../io.ts';
import type { Output } from '../schemas/outputs.ts';
import type { FiguresView } from '../schemas/stats-schema.ts';
import { type Column, printTable } from '../table.ts';
import { iso } from '../views.ts';
import { visible } from '../visible.ts';

/** A row of the table: a part, or the total. */
type Row = Figures & { readonly name: string };

/** Prints the figures of a period for people. */
export async function printStats(io: Io, { since, until, total, parts }: StatsOfPeriod, by: Dimension): Promise<void> {
  const period = `in the last ${formatDuration(until - since)}, since ${iso(since)}`;
  if (parts.length === 0) return io.talk(`no task has changed ${period}`);
  const rows: Row[] = [...parts.map((part) => ({ ...part, name: nameOf(part, by) })), { ...total, name: 'total' }];
  const has = (field: 'cancelled' | 'expired' | 'retries') => total[field] > 0;
  const count = (title: string, field: keyof typeof counted, drop: number): Column<Row> => ({
    title,
    align: 'right',
    drop,
    cell: (row) => String(row[field]),
  });
  await printTable(io, rows, [
    { title: by.toUpperCase(), content: 'name', cell: ({ name }) => name, paint: (_row, style) => style.bold },
    count('NEW', 'submitted', 3),
    count('DONE', 'completed', 9),
    count('FAILED', 'failed', 8),
    { title: 'RATE', align: 'right', drop: 4, cell: ({ failure_rate: rate }) => percentOf(rate) },
    ...(has('cancelled') ? [count('CANCELLED', 'cancelled', 1)] : []),
    ...(has('expired') ? [count('EXPIRED', 'expired', 1)] : []),
    ...(has('retries') ? [count('RETRIES', 'retries', 2)] : []),
    { title: 'WAIT 50/90/99', drop: 5, cell: ({ wait }) => spread(wait) },
    { title: 'RUN 50/90/99', drop: 6, cell: ({ run }) => spread(run) },
    ...(total.cost ? [{ title: 'COST', align: 'right', drop: 7, cell: costOf } as const] : []),
  ]);
  io.talk(`what has happened ${period}`);
}

const counted = { submitted: 0, completed: 0, failed: 0, cancelled: 0, expired: 0, retries: 0 } as const;

const nameOf = ({ key }: Part, by: Dimension): string =>
  visible(key ?? (by === 'worker' ? '(not begun)' : `(no ${by})`));

const percentOf = (rate: number | undefined): string => (rate === undefined ? '-' : `${Math.round(rate * 100)}%`);

const costOf = ({ cost }: Row): string =>
  cost === undefined ? '-' : cost.usd === undefined ? formatCost(cost) : formatUsd(cost.usd);

/** The percentiles by their largest units: `3s/2m/1h`. */
const spread = (all: Distribution | undefined): string =>
  all ? [all.p50, all.p90, all.p99].map((ms) => formatDuration(ms).split(' ')[0]).join('/') : '-';

/** The figures of a period in the form of the JSON output. */
export function statsView({ since, until, total, parts }: StatsOfPeriod, by: Dimension): Output<'stats'> {
  return {
    since: iso(since),
    until: iso(until),
    by,
    total: figuresView(total),
    parts: parts.map(({ key, ...figures }) => ({ ...(key !== undefined && { key }), ...figuresView(figures) })),
  };
}

function figuresView({ failure_rate, wait, run, ...others }: Figures): FiguresView {
  return {
    ...others,
    ...(failure_rate !== undefined && { failure_rate: Number(failure_rate.toFixed(4)) }),
    ...(wait && { wait: secondsOf(wait) }),
    ...(run && { run: secondsOf(run) }),
  };
}

const secondsOf = ({ count, p50, p90, p99 }: Distribution) => ({
  count,
  p50: p50 / 1_000,
  p90: p90 / 1_000,
  p99: p99 / 1_000,
});
