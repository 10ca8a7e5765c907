/** What an event is about: a thing of some kind. */
export interface Subject {
  readonly kind: string;
  readonly id: string;
}

/** The kind of tasks. */
const TASK = 'task';

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

/** @throws TypeError for an event that is about nothing: the schema of events admits none */
export function subjectOf({ task_id, about, type }: AnyEvent): Subject {
  if (about) return about;
  if (task_id === undefined) throw new TypeError(`the event ${type} is about nothing`);
  return { kind: TASK, id: task_id };
}
