import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Machine, Site, SLOW } from '../amqp/site.ts';
import { PlainClient } from '../backend/support/plain-client.ts';
import { amqpUrl } from '../broker/shared-broker.ts';

const MIB = 1024 * 1024;

/** V8's limit for the heap of a reader, in MiB: many times what it needs for a log without such entries. */
const HEAP = 96;

/** When the process ends, it writes the peak of its memory in KiB to a file. */
const MEASURE = `process.on('exit', () => process.getBuiltinModule('node:fs').writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS)))`;

let site: Site;
let lead: Machine;

beforeAll(async () => {
  site = new Site(amqpUrl());
  lead = await site.machine('lead');
  await lead.ok('submit', '--to', 'r', '--id', 'a', '--instructions', 'x');
}, SLOW);
afterAll(() => site.close());

let readers = 0;

/** The memory peak of a new machine that reads the whole log, in MiB. */
async function peak(): Promise<number> {
  const machine = await site.machine(`reader-${readers++}`);
  const file = site.path('peak');
  const options = `--max-old-space-size=${HEAP} --import=data:text/javascript,${encodeURIComponent(MEASURE)}`;
  const { tasks } = await machine.with({ NODE_OPTIONS: options, PEAK: file }).json<{ tasks: object[] }>('list');
  expect(tasks).toMatchObject([{ task_id: 'a', status: 'queued' }]);
  return Number(readFileSync(file, 'utf8')) / 1024;
}

/** Memory in MiB that a reader may need for oversized entries. It reads a few at a time: their number has no effect. */
const MARGIN = 160;

const entry = (extra: Buffer) =>
  Buffer.concat([Buffer.from('{"v":1,"at":1,"roles":[],"events":[],"x":'), extra, Buffer.from('}')]);
const zeros = (count: number) => entry(Buffer.from(`[${'0,'.repeat(count)}0]`));

/** Replaces the length at the end of a gzip body by a false one. */
const withFalseLength = (body: Buffer) => Buffer.concat([body.subarray(0, -4), Buffer.from([255, 255, 255, 0])]);

test(
  'readers survive decompression bombs, and many bombs need no more memory than a few',
  { timeout: 3 * SLOW },
  async () => {
    const client = await PlainClient.of(site);
    const quiet = await peak();
    const compressed = [
      zeros(60 * MIB),
      zeros(7 * MIB),
      zeros(400_000),
      Buffer.alloc(200 * MIB, ' '),
      Buffer.alloc(15 * MIB, ' '),
      entry(Buffer.from(`[${'{},'.repeat(5 * MIB)}0]`)),
      entry(Buffer.from('['.repeat(15 * MIB))),
    ].map((body) => gzipSync(body));
    const plain = [Buffer.alloc(8 * MIB, ' '), Buffer.from('['.repeat(8 * MIB))];
    async function bomb(rounds: number): Promise<void> {
      for (let round = 0; round < rounds; round++) {
        for (const key of ['agentq.event.note', 'agentq.event.renewed.r', 'results.coordinator']) {
          for (const body of [...compressed, withFalseLength(compressed[0]!)])
            await client.publish(site.names.exchange, key, body, { contentEncoding: 'gzip' });
        }
        for (const body of plain) await client.publish(site.names.exchange, 'agentq.event.note', body);
      }
    }
    await bomb(3);
    expect(await peak()).toBeLessThan(quiet + MARGIN);
    await bomb(6);
    expect(await peak()).toBeLessThan(quiet + MARGIN);
  },
);
