import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Backend } from '../../src/backend/backend.ts';
import type { BackendOptions } from '../../src/backend/options.ts';
import { declare } from '../../src/backend/amqp/topology/declare.ts';
import { topologyOf } from '../../src/backend/amqp/topology/topology.ts';
import {
  claimed,
  complete,
  done,
  envelope,
  everything,
  fail,
  idsOf,
  MINUTE,
  nothingToClaim,
  retry,
  ROLE,
  submit,
} from './contract/checked-requests.ts';
import { type AmqpHarness, makeAmqpHarness } from './support/amqp-harness.ts';
import { onClient } from './support/on-client.ts';
import { PlainClient } from './support/plain-client.ts';

async function setUp(): Promise<AmqpHarness> {
  const harness = await makeAmqpHarness({ roles: [ROLE] });
  onTestFinished(() => harness.close());
  return harness;
}

/** The cache files in a folder, without the other files of SQLite. */
const caches = ({ dir }: BackendOptions) => readdirSync(dir).filter((name) => /^cache-.*\.db$/.test(name));

function cacheOf(options: BackendOptions): string {
  const [name, ...more] = caches(options);
  expect(more).toEqual([]);
  return join(options.dir, name!);
}

async function someWork(backend: Backend, prefix = ''): Promise<void> {
  for (const n of ['a', 'b', 'c', 'd', 'e']) await done(backend, submit(prefix + n));
  const first = await claimed(backend, { worker: `${prefix}w1` });
  await done(backend, complete(first.id, 1, { summary: 'done' }));
  const second = await claimed(backend, { worker: `${prefix}w2` });
  await done(backend, fail(second.id, 1), retry(second.id));
  await done(backend, fail(`${prefix}e`));
}

/** The place before the first entry of a log. */
const BEGINNING = '0';

describe('the cache of a machine', () => {
  test('is rebuilt from the log after it was deleted', async () => {
    const harness = await setUp();
    const options = harness.options();
    const first = await harness.openWith(options);
    await someWork(first);
    const { place } = await first.ended({ from: 'lead', limit: 10 });
    await done(first, complete('c'));
    const ends = async (backend: Backend) => {
      const [all, news] = await Promise.all(
        [BEGINNING, place].map((after) =>
          idsOf(backend.ended({ from: 'lead', after, limit: 10 }).then((e) => e.tasks)),
        ),
      );
      return { all, news };
    };
    const told = await ends(first);
    expect(told).toMatchObject({ all: ['a', 'e', 'c'], news: ['c'] });
    const after = await everything(first);
    await first.close();
    rmSync(cacheOf(options));
    expect(readdirSync(options.dir)).toEqual([]);
    const second = await harness.openWith(options);
    expect(await everything(second)).toEqual(after);
    expect(await ends(second)).toEqual(told);
    expect(await second.audit(false)).toEqual([]);
  });

  test('is the same on a machine that reads the whole log at once', async () => {
    const harness = await setUp();
    const first = await harness.openWith(harness.options());
    await someWork(first);
    const client = await PlainClient.of(harness);
    harness.clock.advance(MINUTE);
    await client.publish(harness.names.exchange, `agentq.work.${ROLE}.normal`, envelope('foreign'));
    await done(first, submit('last'));
    const second = await harness.openWith(harness.options());
    expect(await everything(second)).toEqual(await everything(first));
  });

  test('is updated if it is an old copy', async () => {
    const harness = await setUp();
    const options = harness.options();
    const first = await harness.openWith(options);
    await someWork(first, 'x');
    await first.close();
    const copy = `${cacheOf(options)}.copy`;
    copyFileSync(cacheOf(options), copy);
    const again = await harness.openWith(options);
    await someWork(again, 'y');
    await again.close();
    const other = await harness.openWith(harness.options());
    await done(other, submit('z'));
    copyFileSync(copy, cacheOf(options));
    const late = await harness.openWith(options);
    expect(await idsOf(late.list({ limit: 1 }))).toEqual(['z']);
    expect(await everything(late)).toEqual(await everything(other));
    expect(await late.audit(false)).toEqual([]);
  });

  test('works for several processes that read the log at once', async () => {
    const harness = await setUp();
    const writer = await harness.openWith(harness.options());
    await someWork(writer);
    const options = harness.options();
    const readers = await Promise.all(Array.from({ length: 4 }, () => harness.openWith(options)));
    const expected = await everything(writer);
    await Promise.all(readers.map((reader) => reader.list({ limit: 100 })));
    for (const reader of readers) expect(await everything(reader)).toEqual(expected);
    await Promise.all([
      ...readers.map((reader, n) => done(reader, submit(`r${n}`))),
      ...Array.from({ length: 20 }, (_, n) => done(writer, submit(`s${n}`))),
    ]);
    const after = await everything(writer);
    for (const reader of readers) expect(await everything(reader)).toEqual(after);
    expect(await readers[0]!.audit(false)).toEqual([]);
    expect(caches(options)).toHaveLength(1);
  });

  for (const [what, spoil] of Object.entries<(path: string) => void>({
    garbage: (path) => writeFileSync(path, 'garbage '.repeat(5_000)),
    'a few letters': (path) => writeFileSync(path, 'agentq'),
    'half its length': (path) => writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size / 2)),
    'garbage in the middle': (path) => {
      const content = readFileSync(path);
      content.fill(0x5a, 2 * 4_096, content.length - 4_096);
      writeFileSync(path, content);
    },
  })) {
    test(`is rebuilt if its file is ${what}`, async () => {
      const harness = await setUp();
      const options = harness.options();
      const first = await harness.openWith(options);
      await someWork(first);
      const before = await everything(first);
      await first.close();
      spoil(cacheOf(options));
      const second = await harness.openWith(options);
      expect(await everything(second)).toEqual(before);
      await done(second, submit('more'));
    });
  }

  test('is complete after another process held its lock for too long', async (context) => {
    const slow = 'a test cannot shorten the wait of 10 s for the lock; AGENTQ_SLOW_TESTS=1 runs it';
    context.skip(process.env['AGENTQ_SLOW_TESTS'] === undefined, slow);
    const harness = await setUp();
    const options = harness.options();
    const here = await harness.openWith(options);
    const there = await harness.openWith(harness.options());
    await done(there, submit('a'));
    expect(await idsOf(here.list({ limit: 10 }))).toEqual(['a']);
    const rival = new DatabaseSync(cacheOf(options));
    rival.exec('BEGIN IMMEDIATE');
    for (const id of ['b', 'c', 'd']) await done(there, submit(id));
    await expect(here.list({ limit: 10 })).rejects.toMatchObject({ code: 'busy' });
    rival.exec('COMMIT');
    rival.close();
    for (const id of ['e', 'f']) await done(there, submit(id));
    expect(await idsOf(here.list({ limit: 10 }))).toEqual(['f', 'e', 'd', 'c', 'b', 'a']);
    expect(await everything(here)).toEqual(await everything(there));
  });

  test('is never used for another log', async () => {
    const [one, other] = [await setUp(), await setUp()];
    const options = one.options();
    const first = await one.openWith(options);
    await someWork(first);
    const elsewhere = other.options();
    const second = await other.openWith({ ...elsewhere, dir: options.dir });
    expect(await second.list({ limit: 10 })).toEqual([]);
    await done(second, submit('other'));
    expect(await idsOf(second.list({ limit: 10 }))).toEqual(['other']);
    expect(await idsOf(first.list({ limit: 10 }))).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(caches(options)).toHaveLength(2);
  });
});

describe('a log that was deleted and declared again under the same name', () => {
  async function declareAgain({ url, names }: AmqpHarness, client: PlainClient): Promise<void> {
    const retention = { days: 30, bytes: 1e9 };
    const topology = topologyOf({ names, roles: [ROLE], replyTos: [], replicated: false, retention });
    for (const { name } of topology.queues) await client.delete(name);
    await onClient(url, (link) => declare(link, topology));
  }

  for (const [what, tasks] of [
    ['is empty', 0],
    ['is shorter', 2],
    ['is longer', 40],
  ] as const) {
    test(`shows no task of the old log if it ${what}`, async () => {
      const harness = await setUp();
      const options = harness.options();
      const client = await PlainClient.of(harness);
      const first = await harness.openWith(options);
      await someWork(first);
      await first.close();
      await declareAgain(harness, client);
      const other = await harness.openWith(harness.options());
      const ids = Array.from({ length: tasks }, (_, n) => `new${n}`);
      for (const id of ids) await done(other, submit(id));
      const second = await harness.openWith(options);
      expect(await idsOf(second.list({ limit: 100 }))).toEqual(ids.toReversed());
      expect(await second.task('a')).toBeUndefined();
      await done(second, submit('a'));
      expect(await everything(second)).toEqual(await everything(other));
    });
  }

  test('is read by a connection that was open at that time', async () => {
    const harness = await setUp();
    const client = await PlainClient.of(harness);
    const backend = await harness.openWith(harness.options());
    await someWork(backend);
    await declareAgain(harness, client);
    await done(backend, submit('new'));
    expect(await idsOf(backend.list({ limit: 100 }))).toEqual(['new']);
    expect((await claimed(backend)).id).toBe('new');
    await nothingToClaim(backend);
  });
});
