import { byKey } from './keys.ts';
import { type Effect, type Message, type Page, roleOf, type State } from './model.ts';
import { selectedRow } from './rows.ts';

/** The state after a message, and what is to be done. Pure. */
export function update(state: State, message: Message): { readonly state: State; readonly effects: readonly Effect[] } {
  if (message.type === 'key') return byKey({ ...state, notice: undefined }, message.key);
  const next = received(state, message);
  return { state: next, effects: effectsOf(state, next, message) };
}

function received(state: State, message: Exclude<Message, { type: 'key' }>): State {
  switch (message.type) {
    case 'resized':
      return { ...state, size: message.size };
    case 'read': {
      const next = { ...state, overview: message.overview, trouble: undefined };
      const { row, at } = selectedRow(next);
      return { ...next, selected: { key: row?.key, place: at } };
    }
    case 'unreadable':
      return { ...state, trouble: message.problem };
    case 'output':
      return { ...state, output: message.lines };
    case 'task':
      return withPages(state, (page) =>
        page.kind === 'task' && page.id === message.task.id
          ? { ...page, found: { task: message.task, events: message.events } }
          : page,
      );
    case 'log':
      return withPages(state, (page) =>
        page.kind === 'log' && page.id === message.id ? { ...page, isRead: true, text: message.text } : page,
      );
    case 'notice':
      return { ...state, notice: message.notice };
    default:
      return message satisfies never;
  }
}

function withPages(state: State, change: (page: Page) => Page): State {
  return { ...state, pages: state.pages.map(change) };
}

/** A page about a task, and a log, are read again when the queue has changed; so are the tasks, if the filter names another role. */
function effectsOf(before: State, after: State, message: Message): readonly Effect[] {
  if (message.type !== 'read') return [];
  const page = after.pages.at(-1);
  return [
    ...(page?.kind === 'task' ? [{ type: 'open', id: page.id } as const] : []),
    ...(page?.kind === 'log' ? [{ type: 'follow', id: page.id } as const] : []),
    ...(roleOf(before) === roleOf(after) ? [] : [{ type: 'reread' } as const]),
  ];
}
