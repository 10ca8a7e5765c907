import type { LiveQueue } from '../../app/top/live-queue.ts';
import type { Event } from '../../core/task/event.ts';
import type { Task } from '../../core/task/task.ts';

/** The size of the terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What is shown over the list: the last page is visible, and closing it shows the one before. */
export type Page =
  | { readonly kind: 'help'; readonly top: number }
  | {
      readonly kind: 'task';
      readonly id: string;
      /** Undefined until it is read. */
      readonly found: { readonly task: Task; readonly events: readonly Event[] } | undefined;
      /** The first line that is visible. */
      readonly top: number;
    }
  | {
      readonly kind: 'log';
      readonly id: string;
      readonly isRead: boolean;
      /** The end of the log; undefined if there is none on this machine. */
      readonly text: string | undefined;
      /** The first line that is visible; `end` follows the log. */
      readonly top: number | 'end';
    };

export type Prompt =
  { readonly kind: 'filter'; readonly text: string } | { readonly kind: 'confirm-cancel'; readonly id: string };

export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
}

/** Everything that the screen shows, except the time. */
export interface State {
  readonly size: Size;
  /** Undefined until the queue is read for the first time. */
  readonly overview: LiveQueue | undefined;
  /** Why the queue cannot be read at present. */
  readonly trouble: string | undefined;
  /** The last line of output of running tasks, by their ids. */
  readonly output: ReadonlyMap<string, string>;
  /** Only rows that contain this text; a role's name selects its tasks. */
  readonly filter: string;
  /** The key of the selected row, and its place: if the row goes away, the one that takes its place is selected. */
  readonly selected: { readonly key: string | undefined; readonly place: number };
  readonly pages: readonly Page[];
  readonly prompt: Prompt | undefined;
  /** What an action has done; it disappears with the next key. */
  readonly notice: Notice | undefined;
}

export function beginning(size: Size): State {
  return {
    size,
    overview: undefined,
    trouble: undefined,
    output: new Map(),
    filter: '',
    selected: { key: undefined, place: 0 },
    pages: [],
    prompt: undefined,
    notice: undefined,
  };
}

/** Something has happened. */
export type Message =
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'resized'; readonly size: Size }
  | { readonly type: 'read'; readonly overview: LiveQueue }
  | { readonly type: 'unreadable'; readonly problem: string }
  | { readonly type: 'output'; readonly lines: ReadonlyMap<string, string> }
  | { readonly type: 'task'; readonly task: Task; readonly events: readonly Event[] }
  | { readonly type: 'log'; readonly id: string; readonly text: string | undefined }
  | { readonly type: 'notice'; readonly notice: Notice };

/** What is to be done outside of the model. */
export type Effect =
  | { readonly type: 'quit' | 'suspend' | 'reread' }
  | { readonly type: 'open' | 'follow' | 'cancel' | 'retry'; readonly id: string };

/** The lines between the title and the two lines at the bottom. */
export function bodyHeight({ rows }: Size): number {
  return Math.max(1, rows - 3);
}

/** The role whose tasks are to be read: the one that the filter names. */
export function roleOf({ filter, overview }: State): string | undefined {
  return overview?.counts.roles.some(({ role }) => role === filter) ? filter : undefined;
}
