import type { RoleCount, WorkerSeen } from '../../backend/backend.ts';
import type { LiveQueue } from '../../app/top/live-queue.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import { roleOf, type State } from './model.ts';

/** A row that can be selected. The key stays the same while the queue changes. */
export type Row = { readonly key: string } & (
  | { readonly kind: 'role'; readonly role: RoleCount; readonly workers: readonly WorkerSeen[] }
  | { readonly kind: 'working'; readonly task: TaskIn<'working'>; readonly output: string | undefined }
  | { readonly kind: 'dead'; readonly task: TaskIn<'failed' | 'expired'> }
  | { readonly kind: 'waiting'; readonly task: TaskIn<'queued' | 'scheduled'> }
);
export type RowOf<K extends Row['kind']> = Extract<Row, { readonly kind: K }>;

/** How long a worker counts after its last request for work, in ms: as in `status`. */
const SEEN = 3_600_000;

/** The rows of the list in their order. */
export function rowsOf(state: State): readonly Row[] {
  const { overview, output, filter } = state;
  if (!overview) return [];
  const { working, dead, waiting } = overview;
  const rows: readonly Row[] = [
    ...roleRows(overview),
    ...working.map((task): Row => ({ key: keyOf(task), kind: 'working', task, output: output.get(task.id) })),
    ...dead.map((task): Row => ({ key: keyOf(task), kind: 'dead', task })),
    ...waiting.map((task): Row => ({ key: keyOf(task), kind: 'waiting', task })),
  ];
  const role = roleOf(state);
  if (role !== undefined)
    return rows.filter((row) => (row.kind === 'role' ? row.role.role : row.task.envelope.to) === role);
  const wanted = filter.toLowerCase();
  return wanted === '' ? rows : rows.filter((row) => textOf(row).toLowerCase().includes(wanted));
}

const keyOf = ({ id }: Task): string => `task ${id}`;

function roleRows({ counts, at }: LiveQueue): Row[] {
  return counts.roles.map((role) => {
    const workers = counts.workers.filter((one) => one.role === role.role && at - one.seen_at < SEEN);
    return { key: `role ${role.role}`, kind: 'role', role, workers };
  });
}

/** The texts in which a filter is searched. */
function textOf(row: Row): string {
  if (row.kind === 'role') return row.role.role;
  const { id, envelope } = row.task;
  const common = [id, envelope.to, envelope.from, envelope.type, envelope.instructions];
  switch (row.kind) {
    case 'working':
      return [...common, row.task.lease.worker, row.task.progress?.note, row.output].join('\n');
    case 'dead':
      return [...common, row.task.status === 'failed' ? row.task.reason : ''].join('\n');
    case 'waiting':
      return common.join('\n');
    default:
      return row satisfies never;
  }
}

/** The row that is selected: by its key, or else the one in its place. */
export function selectedRow(
  state: State,
  rows = rowsOf(state),
): { readonly row: Row | undefined; readonly at: number } {
  const { key, place } = state.selected;
  const found = rows.findIndex((row) => row.key === key);
  const at = found === -1 ? Math.min(place, rows.length - 1) : found;
  return { row: rows[at], at: Math.max(0, at) };
}
