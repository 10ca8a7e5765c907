import { counted } from '../../core/counted.ts';
import type { TaskIn } from '../../core/task/task.ts';
import type { Measure } from '../output/layout/display-width.ts';
import { visible } from '../output/visible.ts';
import { fit, line, type Line } from './line.ts';
import { bodyHeight, roleOf, type Size, type State } from './model.ts';
import { firstVisible, lastTop, pageLines, pageTitle } from './pages.ts';
import { rowsOf, selectedRow } from './rows.ts';
import { type Room, visibleLines } from './sections.ts';

/**
 * The lines of the screen: exactly as many as it has, none wider than it is. Pure.
 * @param now the clock of the backend, in ms since 1970
 */
export function view(state: State, now: number, measure: Measure): readonly Line[] {
  const { columns, rows } = state.size;
  const height = bodyHeight(state.size);
  const body = state.pages.length > 0 ? pageBody(state, now) : listBody(state, now, measure);
  const empty = Array.from({ length: Math.max(0, height - body.length) }, () => line(''));
  return [title(state), ...body, ...empty, status(state), line(hints(state), 'dim')]
    .slice(0, rows)
    .map((one) => fit(one, columns, measure));
}

/** Whether something on the screen changes with time alone. */
export function ages({ overview, pages }: State): boolean {
  const page = pages.at(-1);
  if (page) return page.kind === 'task' && page.found !== undefined;
  return overview !== undefined && overview.working.length + overview.waiting.length + overview.dead.length > 0;
}

function title(state: State): Line {
  const page = state.pages.at(-1);
  const name = ` agentq top${page ? ` - ${pageTitle(page)}` : ''}`;
  return { spans: [{ text: name, look: 'bold' }, { text: page ? '' : `   ${totals(state)}` }], isMarked: true };
}

function totals({ overview }: State): string {
  if (!overview) return '';
  const { roles, dead } = overview.counts;
  const sum = (status: 'queued' | 'working') => roles.reduce((n, { tasks }) => n + tasks[status], 0);
  return [`${sum('queued')} queued`, `${sum('working')} working`, counted(dead, 'dead letter')].join(', ');
}

function listBody(state: State, now: number, measure: Measure): readonly Line[] {
  const { overview, filter, size } = state;
  if (!overview) return [line(state.trouble === undefined ? 'reading the queue …' : '')];
  const rows = rowsOf(state);
  if (rows.length === 0)
    return [line(filter === '' ? 'nothing has been submitted yet' : `nothing contains ${visible(filter)}`)];
  const { row } = selectedRow(state, rows);
  return visibleLines(rows, row, roomOf(size), now, measure).map((one) =>
    one.row !== undefined && one.row === row ? { ...one.line, isMarked: true } : one.line,
  );
}

function roomOf(size: Size): Room {
  return { width: size.columns, height: bodyHeight(size) };
}

/** The running tasks that are visible. */
export function visibleTasks(state: State, now: number, measure: Measure): readonly TaskIn<'working'>[] {
  if (state.pages.length > 0) return [];
  const rows = rowsOf(state);
  const { row } = selectedRow(state, rows);
  return visibleLines(rows, row, roomOf(state.size), now, measure).flatMap(({ row }) =>
    row?.kind === 'working' ? [row.task] : [],
  );
}

function pageBody({ pages, size }: State, now: number): readonly Line[] {
  const page = pages.at(-1)!;
  const lines = pageLines(page, size.columns, now);
  const top = firstVisible(page, lastTop(lines.length, size));
  return lines.slice(top, top + bodyHeight(size)).map((text) => line(text));
}

function status(state: State): Line {
  const { prompt, notice, trouble } = state;
  if (prompt?.kind === 'filter') return line(`/${visible(prompt.text)}_`, 'bold');
  if (prompt) return line(`cancel ${visible(prompt.id)}? y: yes, any other key: no`, 'yellow');
  if (notice) return line(visible(notice.text), notice.isBad ? 'red' : 'green');
  if (trouble !== undefined) return line(visible(trouble), 'red');
  return line(more(state), 'dim');
}

/** Says what the list leaves out: by the filter, and because there are more running tasks than are read. */
function more(state: State): string {
  const { overview, pages, filter } = state;
  if (!overview || pages.length > 0) return '';
  const role = roleOf(state);
  const running = overview.counts.roles
    .filter((one) => role === undefined || one.role === role)
    .reduce((sum, { tasks }) => sum + tasks.working, 0);
  const hidden = running - overview.working.length;
  return [
    ...(filter === '' ? [] : [`only ${visible(filter)} (Esc: all)`]),
    ...(hidden > 0 ? [`${counted(hidden, 'more running task')}: filter by a role`] : []),
  ].join('; ');
}

function hints({ pages, prompt }: State): string {
  if (prompt?.kind === 'filter') return 'Enter: keep  Esc: show all';
  const page = pages.at(-1);
  if (!page) return 'Enter open  l log  c cancel  r retry  / find  ? help  q quit';
  if (page.kind === 'log') return `${page.top === 'end' ? 'following' : 'G follow'}  c cancel  r retry  ? help  q back`;
  return page.kind === 'task' ? 'l output  c cancel  r retry  ? help  q back' : 'q back';
}
