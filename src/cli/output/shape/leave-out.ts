import { isDeepStrictEqual } from 'node:util';
import { defaults, defaultsOfTasks, OF_ENVELOPE } from '../defaults.ts';
import { isObject } from './pick.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Leaves out what a reader of the output can restore: fields that are empty, have their default, or are equal to
 * another field that is printed. docs/output.md states each rule.
 */
export function leaveOut(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(leaveOut);
  if (!isObject(value)) return value;
  const kept = Object.entries(withoutEqual(value)).filter(
    ([name, inner]) => !isEmpty(inner) && defaults[name] !== inner,
  );
  return Object.fromEntries(kept.map(([name, inner]) => [name, leaveOut(inner)]));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function withoutEqual(value: Fields): Fields {
  if (isObject(value['task']) && isObject(value['envelope'])) return asStory(value);
  return typeof value['task_id'] === 'string' && typeof value['status'] === 'string' ? asTask(value) : value;
}

/** `show`: the envelope without the fields of the task, and once. */
function asStory({ task, envelope, events, ...others }: Fields): Fields {
  const known = task as Fields;
  const event = (one: unknown) => {
    const { envelope: own, ...rest } = one as Fields;
    return own === undefined || !isDeepStrictEqual(own, envelope) ? one : rest;
  };
  return {
    task,
    envelope: without(envelope as Fields, (name, inner) => OF_ENVELOPE.has(name) && inner === known[name]),
    ...(Array.isArray(events) && { events: events.map(event) }),
    ...others,
  };
}

function asTask(task: Fields): Fields {
  const { submitted_at, finished_at, status, reason } = task;
  const attempts = Array.isArray(task['attempts']) ? (task['attempts'] as Fields[]) : undefined;
  const last = attempts?.at(-1);
  const equal: Fields = {
    updated_at: finished_at ?? submitted_at,
    ready_at: submitted_at,
    completed_by: last?.['worker'] ?? task['to'],
    cancelled_by: task['from'],
  };
  const lease: Fields = { attempt: last?.['number'], worker: last?.['worker'] };
  const ofLast: Fields = { ended_at: finished_at, outcome: status, reason };
  return {
    ...without(task, (name, value) => value === equal[name] || value === defaultsOfTasks[name]),
    ...(attempts && {
      attempts: attempts.map((attempt, i) => {
        const known = { number: i + 1, ...(i === attempts.length - 1 && ofLast) } as Fields;
        return without(attempt, (name, value) => value === known[name]);
      }),
    }),
    ...named(task, 'context'),
    ...named(task, 'result'),
    ...(isObject(task['lease']) && { lease: without(task['lease'], (name, value) => value === lease[name]) }),
  };
}

/** The name of these files is that of their field. */
function named(task: Fields, field: string): Fields {
  const file = task[field];
  return isObject(file) ? { [field]: without(file, (name, value) => name === 'name' && value === field) } : {};
}

function without(value: Fields, isKnown: (name: string, inner: unknown) => boolean): Fields {
  return Object.fromEntries(
    Object.entries(value).filter(([name, inner]) => inner !== undefined && !isKnown(name, inner)),
  );
}
