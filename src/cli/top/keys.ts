import { openStatuses, type Status } from '../../core/task/task.ts';
import { bodyHeight, type Effect, type Page, roleOf, type State } from './model.ts';
import { firstVisible, lastTop, pageLines } from './pages.ts';
import { type Row, rowsOf, selectedRow } from './rows.ts';

interface Next {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** What a key does. Keys are single characters, or names: `up`, `pagedown`, `return`, `escape`, `ctrl-c`. */
export function byKey(state: State, key: string): Next {
  if (key === 'ctrl-c') return then(state, { type: 'quit' });
  if (key === 'ctrl-z') return then(state, { type: 'suspend' });
  if (state.prompt?.kind === 'filter') return inFilter(state, state.prompt.text, key);
  if (state.prompt) return inConfirmation({ ...state, prompt: undefined }, state.prompt.id, key);
  const page = state.pages.at(-1);
  if (key === '?' && page?.kind !== 'help') return only(opened(state, { kind: 'help', top: 0 }));
  return page ? onPage(state, page, key) : onList(state, key);
}

const only = (state: State): Next => ({ state, effects: [] });
const then = (state: State, ...effects: readonly Effect[]): Next => ({ state, effects });
const opened = (state: State, page: Page): State => ({ ...state, pages: [...state.pages, page] });

/** Typing a filter takes effect at once. */
function inFilter(state: State, text: string, key: string): Next {
  const filtered = (filter: string, goesOn: boolean): Next => {
    const next = selectedFirst({
      ...state,
      filter,
      prompt: goesOn ? { kind: 'filter', text: filter } : undefined,
    });
    return then(next, ...(roleOf(next) === roleOf(state) ? [] : [{ type: 'reread' } as const]));
  };
  if (key === 'return') return filtered(text, false);
  if (key === 'escape') return filtered('', false);
  if (key === 'backspace') return filtered(text.replace(/.$/u, ''), true);
  if (key === 'ctrl-u') return filtered('', true);
  return /^.$/u.test(key) ? filtered(text + key, true) : only(state);
}

function selectedFirst(state: State): State {
  const { row, at } = selectedRow(state);
  return { ...state, selected: { key: row?.key, place: at } };
}

function inConfirmation(state: State, id: string, key: string): Next {
  return key === 'y' ? then(state, { type: 'cancel', id }) : only({ ...state, notice: said('not cancelled') });
}

const isEnd = (status: Status): boolean => !openStatuses.some((one) => one === status);

const said = (text: string, isBad = false) => ({ text, isBad });

function onList(state: State, key: string): Next {
  const rows = rowsOf(state);
  const { row, at } = selectedRow(state, rows);
  const select = (place: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, place));
    return only({ ...state, selected: { key: rows[next]?.key, place: next } });
  };
  const to = moved(key, bodyHeight(state.size));
  if (to !== undefined) return select(at + to);
  switch (key) {
    case 'q':
      return then(state, { type: 'quit' });
    case '/':
      return only({ ...state, prompt: { kind: 'filter', text: state.filter } });
    case 'escape':
      return inFilter(state, '', 'escape');
    case 'return':
      return row ? openRow(state, row) : only(state);
    default:
      return row ? onTask(state, row.kind === 'role' ? undefined : row.task, key) : only(state);
  }
}

/** How far a key moves, in rows or lines; undefined for other keys. */
function moved(key: string, page: number): number | undefined {
  switch (key) {
    case 'up':
    case 'k':
      return -1;
    case 'down':
    case 'j':
      return 1;
    case 'pageup':
      return 1 - page;
    case 'pagedown':
    case ' ':
      return page - 1;
    case 'home':
    case 'g':
      return -Infinity;
    case 'end':
    case 'G':
      return Infinity;
    default:
      return undefined;
  }
}

function openRow(state: State, row: Row): Next {
  if (row.kind !== 'role') {
    const { id } = row.task;
    return then(opened(state, { kind: 'task', id, found: undefined, top: 0 }), { type: 'open', id });
  }
  return then({ ...state, filter: row.role.role }, { type: 'reread' });
}

/** A task of which the status may not be read yet. */
interface Known {
  readonly id: string;
  readonly status?: Status | undefined;
}

/** Keys for one task, in the list and on its page. */
function onTask(state: State, task: Known | undefined, key: string): Next {
  if (key !== 'l' && key !== 'c' && key !== 'r') return only(state);
  if (!task) return only({ ...state, notice: said('select a task first', true) });
  const { id, status } = task;
  if (key === 'l')
    return then(opened(state, { kind: 'log', id, isRead: false, text: undefined, top: 'end' }), { type: 'follow', id });
  if (key === 'c' && status !== undefined && status !== 'cancelled' && isEnd(status))
    return only({ ...state, notice: said(`${id} is ${status} and cannot be cancelled`, true) });
  if (key === 'c') return only({ ...state, prompt: { kind: 'confirm-cancel', id } });
  return then(state, { type: 'retry', id });
}

function onPage(state: State, page: Page, key: string): Next {
  const height = bodyHeight(state.size);
  const to = moved(key, height);
  if (to !== undefined) return only(scrolled(state, page, to));
  if (key === 'q' || key === 'escape' || key === 'backspace' || key === 'left')
    return only({ ...state, pages: state.pages.slice(0, -1) });
  if (page.kind === 'help') return only(state);
  if (page.kind === 'log' && key === 'l') return only(state);
  return onTask(state, { id: page.id, status: page.kind === 'task' ? page.found?.task.status : undefined }, key);
}

/** A log that is scrolled to its end follows it. */
function scrolled(state: State, page: Page, by: number): State {
  const { size, pages, overview } = state;
  const last = lastTop(pageLines(page, size.columns, overview?.at ?? 0).length, size);
  const next = Math.max(0, Math.min(last, firstVisible(page, last) + by));
  const moved: Page = page.kind === 'log' ? { ...page, top: next === last ? 'end' : next } : { ...page, top: next };
  return { ...state, pages: [...pages.slice(0, -1), moved] };
}
