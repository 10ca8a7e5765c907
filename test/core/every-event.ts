import type { EventType } from '../../src/core/task/event.ts';
import {
  acknowledge,
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  edit,
  elapse,
  evidence,
  fail,
  MINUTE,
  redo,
  release,
  renew,
  retry,
  SECOND,
  type Story,
  story,
  submit,
  when,
} from './tasks.ts';

const delayed = {
  ...submit({ delay_seconds: 5, not_in_the_schema: { kept: true } }, evidence('context')),
  max_attempts: 5,
};
const withTtl = submit({ ttl_seconds: 60 });
const cost = { usd: 0.12, tokens: 5_300 };
const begun = [submit(), claim(), SECOND] as const;

/** For every event after which a task exists: a story that ends with the event, with all optional fields. */
export const everyEvent: { readonly [T in Exclude<EventType, 'pruned'>]: Story } = {
  submitted: story(delayed),
  'became-due': story(delayed, 7 * SECOND, elapse),
  expired: story(withTtl, MINUTE, elapse),
  claimed: story(...begun),
  renewed: story(...begun, renew({ percent: 40, note: 'half-way', cost })),
  'lease-expired': story(...begun, MINUTE, elapse),
  released: story(...begun, release({ backoff, cost, artifacts: [evidence('log')] })),
  'attempt-failed': story(...begun, fail({ backoff, artifacts: [evidence('log')], cost })),
  completed: story(...begun, complete({ result: evidence('result'), artifacts: [evidence('patch')], cost })),
  cancelled: story(...begun, cancel({ reason: 'not needed' })),
  stopped: story(...begun, cancel(), SECOND, { ...acknowledge(1), cost, artifacts: [evidence('log')] }),
  retried: story(...begun, fail(), SECOND, retry),
  dismissed: story(withTtl, MINUTE, elapse, SECOND, dismiss),
  edited: story(
    submit({}, evidence('context')),
    SECOND,
    edit({
      reason: 'it is urgent',
      set: { to: 'other', priority: 'high', instructions: 'do it well', ttl_seconds: 60 },
      max_attempts: 5,
    }),
  ),
  redone: story(...begun, complete({ result: evidence('result'), artifacts: [evidence('patch')] }), SECOND, redo),
  restored: story(...begun, { type: 'restore', epoch: 1, since: 0 }),
  carried: carried(story(submit())),
  refused: withRefusal(story(...begun, complete(), SECOND)),
};

function carried({ task, now }: Story): Story {
  return { task, now, events: [{ v: 1, type: 'carried', task_id: task.id, at: now, task }] };
}

function withRefusal(before: Story): Story {
  const { task, events } = when(before, complete({ attempt: 1, summary: 'something else' }));
  return { task: task!, now: before.now, events: [...before.events, ...events] };
}
