import fc from 'fast-check';
import { WORKER_KEY_WORDS } from '../../../src/backend/amqp/wire/routing-key.ts';
import { envelope, type Forged, MINUTE, names, queued, START } from './memory-log.ts';

const YEAR_2200 = Date.UTC(2200, 0, 1);
/** The tasks of each role. */
export const IDS = { r: ['r0', 'r1', 'r2'], s: ['s0', 's1', 's2'] } as const;
export type Role = keyof typeof IDS;

export const anyRole = fc.constantFrom<Role>('r', 's');
const anyId = fc.constantFrom(...IDS.r, ...IDS.s, 'new0', 'new1');
const anyMoment = fc.constantFrom(0, START - MINUTE, START, START + MINUTE, START + 60 * MINUTE, YEAR_2200, 9e15, -1);
const anyAttempt = fc.constantFrom(0, 1, 2, 3);

const anyTask = fc.record({
  id: anyId,
  envelope: fc.tuple(anyId, anyRole).map(([id, role]) => envelope(id, role)),
  submitted_at: anyMoment,
  updated_at: anyMoment,
  attempts: fc.constantFrom<unknown[][]>([], [{ number: 1, worker: 'r-1', started_at: START }], [null]),
  forgiven: fc.constantFrom(0, 1),
  refused: fc.constant(0),
  status: fc.constantFrom('queued', 'working', 'failed', 'completed'),
  ready_at: anyMoment,
  lease: fc.record({ attempt: anyAttempt, worker: fc.constant('r-1'), expires_at: anyMoment }),
  failed_at: anyMoment,
  reason: fc.constant('no'),
});

/** A complete and consistent task, the forgery that is most likely to be accepted. */
const coherentTask = fc.tuple(anyId, anyRole).map(([id, role]) => queued(id, role));

const anyEvent = fc
  .record({
    v: fc.constantFrom(1, 1, 1, 2),
    type: fc.constantFrom(...WORKER_KEY_WORDS, 'submitted', 'cancelled', 'retried'),
    task_id: anyId,
    at: anyMoment,
    attempt: anyAttempt,
    worker: fc.constantFrom('r-1', 's-1'),
    by: fc.constantFrom('r', 's', 'r-1', 's-1'),
    expires_at: anyMoment,
    retry_at: fc.option(anyMoment),
    final: fc.boolean(),
    reason: fc.constant('forged'),
    command: fc.constant('complete'),
    artifacts: fc.constant([]),
    max_attempts: fc.option(fc.constantFrom(-1, 0, 0.5, 2), { nil: undefined }),
    task: fc.oneof(anyTask, coherentTask),
  })
  .chain((event) => anyRole.map((role) => ({ ...event, envelope: envelope(event.task_id, role) })));

const carriedEvent = coherentTask.map((task) => ({ v: 1, type: 'carried', task_id: task.id, at: START, task }));

const anyNote = fc.record(
  {
    seen: fc.record({ worker: fc.constant('ghost'), role: anyRole }),
    announced: fc.tuple(anyId, fc.nat(60)).map(([id, n]) => `${id}/e${n}`),
    away: fc.record({ from: anyMoment, to: anyMoment }),
    after: fc.constantFrom(-1, 0, 5, 1e9),
    role: anyRole,
    skip: fc.nat(40),
  },
  { requiredKeys: [] },
);

const anyBody = fc
  .tuple(anyMoment, fc.array(fc.oneof(anyEvent, carriedEvent), { maxLength: 2 }), anyNote, fc.subarray(['r', 's']))
  .map(([at, events, note, roles]) => ({ v: 1, at, events, roles, ...note }));

/** An entry whose key fits its content, so that it passes the first checks. */
const fitting = anyBody.map((body): Forged => {
  const [first] = body.events;
  const type = first ? first.type : 'note';
  const keyWord = type === 'submitted' ? 'found' : type;
  return { key: `agentq.event.${WORKER_KEY_WORDS.includes(keyWord) ? keyWord : 'note'}.r`, body };
});

const headers = fc.record(
  {
    'agentq-version': fc.constantFrom(1, 2),
    'agentq-at': anyMoment,
    'agentq-sent-at': anyMoment,
    'agentq-due-at': anyMoment,
    'agentq-max-attempts': fc.constantFrom(-1, 0, 0.5, 1e300),
  },
  { requiredKeys: [] },
);

const announcement = fc.tuple(anyId, fc.nat(60), headers).map(([id, n, more]): Forged => {
  const body = { task_id: id, from: 'r', to: 'lead', status: 'completed' };
  return { key: 'results.lead', body, headers: { ...more, 'agentq-announces': `${id}/e${n}` } };
});

const delayed = fc.tuple(anyId, headers).map(([id, more]): Forged => {
  const key = `agentq.delay.${'0.'.repeat(23)}r.normal`;
  return { key, exchange: names.due, body: envelope(id, 'r'), headers: more };
});

/** An entry that a user with the permissions of role `r` can write, about tasks of both roles. */
export const forged: fc.Arbitrary<Forged> = fc.oneof(
  { weight: 6, arbitrary: fitting },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...WORKER_KEY_WORDS), fc.oneof(anyBody, fc.json(), fc.string()), headers)
      .map(([keyWord, body, more]): Forged => ({ key: `agentq.event.${keyWord}.r`, body, headers: more })),
  },
  { weight: 2, arbitrary: anyBody.map((body): Forged => ({ key: 'agentq.event.note', body })) },
  { weight: 1, arbitrary: announcement },
  { weight: 1, arbitrary: delayed },
);
