import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import type { Event } from '../../src/core/task/event.ts';
import { JointOutage } from '../broker/joint-outage.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { amqpUrl, otherBroker } from '../broker/shared-broker.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import {
  claimRequest,
  claimed,
  complete,
  done,
  everything,
  idsOf,
  MINUTE,
  nothingToClaim,
  QUEUE,
  ROLE,
  SECOND,
  submit,
  typesOf,
} from './contract/checked-requests.ts';
import { BrokerSite } from './support/broker-site.ts';

/** Time limit in ms of a test that starts or restarts a broker. A start takes seconds and may be repeated. */
const WITH_RESTARTS = 200 * SECOND;

let broker: RabbitMq;

/** Waits until this time, by the clock of the leases. */
const passed = (at: number) => pause(Math.max(0, at - Date.now() + 1));

async function setUp(): Promise<BrokerSite> {
  const site = await BrokerSite.make(broker.url);
  onTestFinished(() => site.close());
  return site;
}

const elsewhere = otherBroker && 'the tests must not kill the broker of AGENTQ_TEST_AMQP_URL';

describe.skipIf(otherBroker)(`a broker that is killed and starts again (${elsewhere ?? 'a private one'})`, () => {
  beforeAll(async () => {
    broker = await startRabbitMq();
    // RabbitMQ 3.10 forgets all streams if it is killed right after its first stream was declared.
    await (await BrokerSite.make(broker.url)).close();
    await broker.ctl('eval', '[ok = dets:sync(Table) || Table <- dets:all()].');
  }, WITH_RESTARTS);
  afterAll(() => broker?.stop());

  test(
    'has kept every change that was reported as done, none of them twice, and each attempt has one worker',
    { timeout: WITH_RESTARTS },
    async () => {
      const site = await setUp();
      const confirmed = { submitted: [] as string[], given: [] as string[], completed: [] as string[] };
      const still = { submitting: true, arriving: true };
      const submitter = async (name: string) => {
        const backend = await site.open();
        for (let n = 0; still.submitting; n++) {
          await done(backend, submit(`${name}-${n}`));
          confirmed.submitted.push(`${name}-${n}`);
        }
      };
      const worker = async (name: string) => {
        const backend = await site.open();
        for (;;) {
          const { task } = await backend.claim(claimRequest({ worker: name, lease: 10 * MINUTE }));
          if (task) {
            confirmed.given.push(`${task.id} ${task.lease.attempt} ${name}`);
            await done(backend, complete(task.id, task.lease.attempt, { summary: name }));
            confirmed.completed.push(task.id);
          } else if (!still.arriving && confirmed.completed.length >= confirmed.submitted.length) return;
          else await pause(100);
        }
      };
      const submitters = Promise.all(['s1', 's2', 's3'].map(submitter));
      const all = Promise.all([submitters, ...['w1', 'w2', 'w3'].map(worker)]);
      for (let kills = 0; kills < 3; kills++) {
        const before = { submitted: confirmed.submitted.length, completed: confirmed.completed.length };
        const progressed = () =>
          confirmed.submitted.length > before.submitted + 20 && confirmed.completed.length > before.completed + 5;
        await Promise.race([expect.poll(progressed, { timeout: MINUTE }).toBe(true), all]);
        await broker.kill();
        await broker.restart();
      }
      still.submitting = false;
      await submitters;
      still.arriving = false;
      await all;

      const witness = await site.open();
      expect((await idsOf(witness.list({ limit: 10_000 }))).toSorted()).toEqual(confirmed.submitted.toSorted());
      expect(confirmed.completed.toSorted()).toEqual(confirmed.submitted.toSorted());
      for (const id of confirmed.submitted) {
        const history = await witness.history(id);
        // The leases were extended by the length of the outages.
        const types = history.map(({ type }) => type).filter((type) => type !== 'renewed');
        expect(types).toEqual(['submitted', 'claimed', 'completed']);
        expect(confirmed.given).toContain(`${id} 1 ${workerOf(history)}`);
      }
      expect(confirmed.given).toHaveLength(confirmed.submitted.length);
      expect((await idsOf(witness.inbox(QUEUE, 10_000))).toSorted()).toEqual(confirmed.submitted.toSorted());
      expect(await witness.audit(false)).toEqual([]);
      expect(await everything(await site.open())).toEqual(await everything(witness));
    },
  );

  // At most five tests: vitest runs five at a time, and each test waits for all of them.
  describe('once, for several tests at the same time', { timeout: WITH_RESTARTS, concurrent: true }, () => {
    const outage = new JointOutage(() => broker);
    const together = test
      .extend('outage', ({ task: _task }, { onCleanup }) => {
        const participant = outage.join();
        onCleanup(participant.leave);
        return participant;
      })
      .extend('site', async ({ outage: { leave } }, { onCleanup }) => {
        const site = await BrokerSite.make(broker.url);
        onCleanup(() => {
          leave();
          return site.close();
        });
        return site;
      });

    together('has kept delays and leases', async ({ site, outage, expect }) => {
      const before = await site.open();
      await done(before, submit('held'));
      const held = await claimed(before, { worker: 'holder' });
      await done(before, submit('later', { delay_seconds: 10 }), submit('much-later', { delay_seconds: 3_600 }));
      const much = await before.task('much-later');
      await before.close();
      await outage.begin();
      await outage.end();
      // A claim needs the token, so the delay queue of the broker must have kept it.
      const after = await site.open({ tokenGrace: 60 * MINUTE });
      expect(await after.task('held')).toEqual(held);
      expect(await after.task('much-later')).toEqual(much);
      await expect
        .poll(() => after.claim(claimRequest()).then(({ task }) => task?.id), { timeout: MINUTE, interval: 200 })
        .toBe('later');
      expect(await typesOf(after.history('later'))).toEqual(['submitted', 'became-due', 'claimed']);
      await nothingToClaim(after);
      await done(after, complete('held', 1));
    });

    together('has extended all leases by the outage', async ({ site, outage, expect }) => {
      const [holder, other] = [await site.open(), await site.open()];
      await done(holder, submit('a'));
      await other.task('a');
      const { lease } = await claimed(holder, { lease: 4 * SECOND });
      await outage.begin();
      await passed(lease.expires_at + SECOND);
      await outage.end();
      // Another connection than the holder of the lease: the holder may be the last one to notice the outage.
      const seen = await other.task('a');
      expect(seen).toMatchObject({ status: 'working', lease: { attempt: 1 } });
      expect(seen!.status === 'working' && seen!.lease.expires_at).toBeGreaterThan(lease.expires_at + SECOND);
      await done(holder, complete('a', 1));
      const types = new Set(await typesOf(other.history('a')));
      expect([...types]).toEqual(['submitted', 'claimed', 'renewed', 'completed']);
    });

    together('has extended leases by no more than the outage', async ({ site, outage, expect }) => {
      const holder = await site.open();
      const others = [await site.open(), await site.open()] as const;
      await done(holder, submit('a'));
      const { lease } = await claimed(holder, { lease: 30 * SECOND });
      for (const other of others) await other.task('a');
      const began = Date.now();
      await outage.begin();
      await passed(began + 2 * SECOND);
      await outage.end();
      for (const one of [...others, holder]) await one.task('a');
      const task = await others[0].task('a');
      expect(task).toMatchObject({ status: 'working', lease: { attempt: 1 } });
      const gained = task!.status === 'working' ? task!.lease.expires_at - lease.expires_at : 0;
      expect(gained).toBeGreaterThanOrEqual(2 * SECOND);
      expect(gained).toBeLessThanOrEqual(Date.now() - began + SECOND);
    });

    together('still wakes the watches that existed before the outage', async ({ site, outage, expect }) => {
      const [here, there] = [await site.open(), await site.open()];
      await done(there, submit('first'));
      using watch = here.watch({ role: ROLE });
      await expect
        .poll(async () => (await done(there, submit(`t${Math.random()}`)), watch.wait(500)), { timeout: MINUTE })
        .toBe(true);
      await outage.begin();
      await outage.end();
      await done(there, submit('second'));
      await expect.poll(() => watch.wait(SECOND), { timeout: MINUTE }).toBe(true);
      await claimed(here);
    });

    together(
      'is reported with one line when it is away and one line when it is back',
      async ({ site, outage, expect }) => {
        const lines: string[] = [];
        const backend = await site.open({ say: (line) => lines.push(line) });
        await done(backend, submit('a'));
        expect(lines).toEqual([]);
        await outage.begin();
        const waiting = [
          backend.task('a'),
          backend.list({ limit: 1 }),
          backend.claim(claimRequest()),
          done(backend, submit('b')),
        ];
        await expect.poll(() => lines.length, { timeout: MINUTE }).toBe(1);
        await pause(3 * SECOND);
        await outage.end();
        await Promise.all(waiting);
        expect(lines).toEqual([
          expect.stringMatching(/^no broker at 127\.0\.0\.1:\d+ \(.+\); trying again for \d+ s$/),
          expect.stringMatching(/^the broker at 127\.0\.0\.1:\d+ is back$/),
        ]);
      },
    );
  });

  test(
    'is away for one connection only: a lease is not extended by a time in which other connections of its role wrote entries',
    { timeout: WITH_RESTARTS },
    async () => {
      const site = await setUp();
      const proxy = await startProxy(broker.port);
      onTestFinished(() => proxy.close());
      const at = new URL(site.url);
      at.port = `${proxy.port}`;
      const [here, there] = [await site.open({ at: at.href }), await site.open()];
      await done(there, submit('a'));
      await here.task('a');
      const { lease } = await claimed(there, { lease: 30 * SECOND });
      await proxy.cut();
      let lastEntry = Date.now();
      for (const end = lastEntry + 3 * SECOND; lastEntry < end; await pause(100)) {
        lastEntry = Date.now();
        await nothingToClaim(there);
      }
      await proxy.heal();
      const task = await here.task('a');
      expect(task).toMatchObject({ status: 'working', lease: { attempt: 1 } });
      const gained = task!.status === 'working' ? task!.lease.expires_at - lease.expires_at : 0;
      expect(gained).toBeLessThanOrEqual(Date.now() - lastEntry);
    },
  );

  test('has another cache than other virtual hosts and other brokers', { timeout: WITH_RESTARTS }, async () => {
    await broker.ctl('add_vhost', 'other');
    await broker.ctl('set_permissions', '-p', 'other', 'guest', '.*', '.*', '.*');
    const second = new URL(broker.url);
    second.pathname = '/other';
    const prefix = `shared-${Math.floor(Math.random() * 1e9).toString(36)}`;
    const sites: BrokerSite[] = [];
    for (const url of [broker.url, second.href, amqpUrl()]) sites.push(await BrokerSite.make(url, prefix));
    onTestFinished(async () => {
      for (const site of sites) await site.close();
    });
    const dir = sites[0]!.folder();
    const backends: Backend[] = [];
    for (const site of sites) backends.push(await site.open({ dir }));
    for (const [n, backend] of backends.entries()) await done(backend, submit(`only-${n}`), submit('same'));
    await done(backends[0]!, complete('same'));
    for (const [n, backend] of backends.entries()) {
      expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['same', `only-${n}`]);
      expect((await backend.task('same'))?.status).toBe(n === 0 ? 'completed' : 'queued');
    }
  });
});

function workerOf(history: readonly Event[]): string | undefined {
  return history.flatMap((event) => (event.type === 'claimed' ? [event.worker] : []))[0];
}
