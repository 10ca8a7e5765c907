import { expect, onTestFinished, test } from 'vitest';
import { FORMAT } from '../../src/backend/amqp/wire/message/format.ts';
import type { Backend } from '../../src/backend/backend.ts';
import {
  claimed,
  complete,
  done,
  envelope,
  everything,
  idsOf,
  ROLE,
  submit,
} from '../backend/contract/checked-requests.ts';
import { makeAmqpHarness } from '../backend/support/amqp-harness.ts';
import { PlainClient } from '../backend/support/plain-client.ts';

async function setUp() {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  const client = await PlainClient.of(harness);
  const newer = (key: string) =>
    client.publish(harness.names.exchange, key, envelope('newer'), { headers: { 'agentq-version': FORMAT + 1 } });
  return { harness, newer, open: () => harness.openWith(harness.options()) };
}

/** The offset of the entry that stops a machine. */
async function stopOf(backend: Backend): Promise<number> {
  const error: unknown = await backend.list({ limit: 1 }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'AgentqError', code: 'newer-schema' });
  return (error as { offset: number }).offset;
}

test('an entry of a newer version under the key of a role stops no reader, and its sender can be listed', async () => {
  const { newer, open } = await setUp();
  const [knowing, fresh] = [await open(), await open()];
  await done(knowing, submit('a'));
  const keys = [`agentq.event.claimed.${ROLE}`, 'agentq.event.note'];
  for (const key of keys) await newer(key);
  for (const backend of [knowing, fresh]) {
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['a']);
    const reason = 'it says that a newer agentq wrote it';
    expect(await backend.passedOver!()).toMatchObject(keys.toReversed().map((key) => ({ key, reason, user: null })));
    expect(await backend.audit(true)).toEqual([]);
  }
  await claimed(knowing);
  await done(fresh, complete('a', 1));
});

test('an entry that stops all readers is skipped by all of them after a coordinator skips it', async () => {
  const { newer, open } = await setUp();
  const [knowing, late] = [await open(), await open()];
  await done(knowing, submit('a'));
  await late.list({ limit: 1 });
  await newer(`agentq.work.${ROLE}.normal`);
  const offset = await stopOf(knowing);
  expect(await stopOf(late)).toBe(offset);
  using watch = late.watch('finished');

  await expect(knowing.skip!(offset - 1)).rejects.toMatchObject({ code: 'usage' });
  await expect(knowing.skip!(offset + 7)).rejects.toMatchObject({ code: 'usage' });
  expect(await stopOf(knowing)).toBe(offset);
  await knowing.skip!(offset);
  await done(knowing, submit('b'), complete('b'));

  expect(await watch.wait(30_000)).toBe(true);
  const fresh = await open();
  for (const backend of [late, fresh]) expect(await everything(backend)).toEqual(await everything(knowing));
  expect(await knowing.passedOver!()).toMatchObject([{ offset, key: `agentq.work.${ROLE}.normal` }]);
  await expect(fresh.skip!(offset)).rejects.toMatchObject({ code: 'usage' });
});

test('each of several entries that stop all readers must be skipped by its offset', async () => {
  const { newer, open } = await setUp();
  const backend = await open();
  for (const key of ['agentq.event.submitted.x', 'agentq.event.cancelled.x']) await newer(key);
  const first = await stopOf(backend);
  await expect(backend.skip!(first)).rejects.toMatchObject({ code: 'newer-schema', offset: first + 1 });
  expect(await stopOf(backend)).toBe(first + 1);
  await backend.skip!(first + 1);
  await done(backend, submit('a'));
  expect(await idsOf((await open()).list({ limit: 10 }))).toEqual(['a']);
});
