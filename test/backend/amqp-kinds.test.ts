import { expect, onTestFinished, test } from 'vitest';
import type { LogEvent } from '../../src/core/log/rules.ts';
import { counted } from '../core/counters.ts';
import { complete, done, ROLE, SECOND, submit } from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { countingMachine, publishEntry } from './support/counting-machine.ts';

async function harness(): Promise<AmqpHarness> {
  const made = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => made.close());
  return made;
}

/** An event of a kind that only tests have, as the types of the log allow it. */
const count = (id: string, at: number) => counted(ROLE, id, at) as unknown as LogEvent;

const completed = (task_id: string, at: number): LogEvent => ({
  v: 1,
  type: 'completed',
  task_id,
  at,
  attempt: 1,
  by: ROLE,
  artifacts: [],
});

test('a machine folds an entry about two kinds of things while it waits, with all consequences', async () => {
  const made = await harness();
  const [author, waiting] = [countingMachine(made), countingMachine(made)];
  await done(author.backend, submit('a'), submit('b'), complete('b'));
  using watch = waiting.backend.watch('finished');
  await waiting.backend.counts();
  const at = made.clock.now();
  await publishEntry(made, { events: [count('x', at), completed('a', at)], roles: [ROLE] });
  while ((await waiting.backend.lastKnown('a'))?.status !== 'completed')
    expect(await watch.wait(20 * SECOND)).toBe(true);
  const things = [
    { kind: 'badge', id: ROLE, state: { since: at } },
    { kind: 'counter', id: ROLE, state: { ids: ['b', 'x', 'a'] } },
  ];
  expect(waiting.things()).toEqual(things);
  await author.backend.counts();
  expect(author.things()).toEqual(things);
  const later = countingMachine(made);
  await later.backend.counts();
  expect(later.things()).toEqual(things);
});

test('an entry about two kinds of things has no effect if one of its events lost a race', async () => {
  const made = await harness();
  const { backend, things } = countingMachine(made);
  await done(backend, submit('a'), complete('a'));
  const at = made.clock.now();
  await publishEntry(made, { events: [count('x', at), completed('a', at)], roles: [ROLE] });
  expect(await backend.task('a')).toMatchObject({ refused: 1 });
  expect(things()).toEqual([{ kind: 'counter', id: ROLE, state: { ids: ['a'] } }]);
});

test('an entry of an unknown kind stops a reader, and the error names the kind', async () => {
  const made = await harness();
  const older = await made.openWith(made.options());
  const { backend, things } = countingMachine(made);
  await done(backend, submit('a'));
  await publishEntry(made, { events: [count('x', made.clock.now())] });
  await backend.counts();
  expect(things()).toMatchObject([{ kind: 'counter', state: { ids: ['x'] } }]);
  await expect(older.counts()).rejects.toMatchObject({
    code: 'newer-schema',
    message: expect.stringMatching(
      /^entry \d+ of the log \(key agentq\.event\.counter_counted\) contains an event of the unknown kind "counter"$/,
    ) as string,
  });
});
