import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../backend/support/child.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { GuardedProcess, LOG } from './guarded-process.ts';
import { accepts, speaksAmqp } from './handshake.ts';
import { processesWith } from './marked-processes.ts';
import { type RabbitMq, startRabbitMq } from './private-rabbitmq.ts';
import { amqpUrl, otherBroker } from './shared-broker.ts';

/** Starts and restarts take seconds each, and may be tried again: in ms. */
const BOOTS = 200_000;

/** A helper of Erlang's ends by itself once it finds the VM gone: in ms. */
const SOON = { timeout: 20_000, interval: 100 };

describe('the broker of the run', () => {
  it('has an address that every test is told', () => {
    expect(new URL(amqpUrl()).protocol).toMatch(/^amqps?:$/);
  });

  it.skipIf(otherBroker)('is ready', async () => {
    expect(await speaksAmqp(Number(new URL(amqpUrl()).port))).toBe(true);
  });
});

// In order: one broker, from its start to its end.
describe.skipIf(otherBroker)('a private RabbitMQ', () => {
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq({ config: ['consumer_timeout = 123456'] });
  }, BOOTS);
  afterAll(() => broker.stop());

  it('speaks AMQP where its address says', async () => {
    expect(new URL(broker.url).port).toBe(`${broker.port}`);
    expect(await speaksAmqp(broker.port)).toBe(true);
    expect(processesWith(broker.folder).some((line) => line.trim().startsWith(`${broker.pid} `))).toBe(true);
  });

  it('obeys its own rabbitmqctl and the configuration it was given', async () => {
    expect(await broker.ctl('list_users')).toMatch(/^guest\t/m);
    expect(await broker.ctl('eval', 'application:get_env(rabbit, consumer_timeout).')).toContain('123456');
    await expect(broker.ctl('no_such_command')).rejects.toThrow('no_such_command');
  });

  it(
    'survives a power cut',
    async () => {
      await broker.ctl('add_vhost', 'kept');
      const { pid } = broker;
      await broker.kill();
      expect(await accepts(broker.port)).toBe(false);
      await broker.restart();
      expect(await speaksAmqp(broker.port)).toBe(true);
      expect(await broker.ctl('list_vhosts')).toContain('kept');
      expect(broker.pid).not.toBe(pid);
    },
    BOOTS,
  );

  it('leaves nothing behind', async () => {
    await broker.stop();
    expect(existsSync(broker.folder)).toBe(false);
    await expect.poll(() => processesWith(broker.folder), SOON).toEqual([]);
  });
});

describe('a guarded process', () => {
  it('leaves its folder where it ends by itself, and no guard', async () => {
    const folder = scratchFolder();
    const ended = await GuardedProcess.start(['sh', '-c', 'echo why; exit 7'], { FOLDER: folder }, folder);
    await expect.poll(() => ended.outcome, SOON).toBe(7);
    await expect.poll(() => processesWith(`FOLDER=${folder}`), SOON).toEqual([]);
    expect(readFileSync(join(folder, LOG), 'utf8')).toBe('why\n');
    await ended.kill();
  });

  it('ends with the one that started it, even where that is killed, and its folder too', async () => {
    const folder = scratchFolder();
    const starter = new Child(new URL('processes/guard.ts', import.meta.url), [folder]);
    await starter.printed(1);
    expect(processesWith(`FOLDER=${folder}`)).not.toEqual([]);
    await starter.kill();
    await expect.poll(() => processesWith(`FOLDER=${folder}`), SOON).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});
