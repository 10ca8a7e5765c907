import type { Event as TaskEvent } from '../task/event.ts';
import type { Subject } from '../thing.ts';

export type { Subject };

/** The kind of tasks. */
export const TASK = 'task';

export const isTask = ({ kind }: Subject): boolean => kind === TASK;

/**
 * The fields that the events of all kinds have. An event of a task names it by `task_id`, as since version 1. An event
 * of any other kind has `about`.
 */
export interface AnyEvent {
  readonly v: number;
  readonly type: string;
  /** When it happened by the clock of its author, ms since 1970. */
  readonly at: number;
  readonly task_id?: string;
  readonly about?: Subject;
}

/**
 * The state of a thing that is not a task, written again before its first entry leaves the log. A reader that has seen
 * a later change of the thing ignores it. A task has its own event `carried`.
 */
export interface Carried extends AnyEvent {
  readonly v: 2;
  readonly type: 'carried';
  readonly task_id?: undefined;
  readonly about: Subject;
  readonly state: unknown;
}

export function isCarried(event: AnyEvent): event is Carried {
  return event.type === 'carried' && event.about !== undefined;
}

export const isTaskEvent = (event: AnyEvent): event is TaskEvent => isTask(subjectOf(event));

/** A thing that has ended, with its outcome. */
export interface EndedThing extends Subject {
  readonly outcome: string;
}

/** @throws TypeError for an event that is about nothing: the schema of events admits none */
export function subjectOf({ task_id, about, type }: AnyEvent): Subject {
  if (about) return about;
  if (task_id === undefined) throw new TypeError(`the event ${type} is about nothing`);
  return { kind: TASK, id: task_id };
}
