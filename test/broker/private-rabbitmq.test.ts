import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../backend/support/child.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { GuardedProcess, LOG } from './guarded-process.ts';
import { accepts, answersAmqp } from './handshake.ts';
import { processesWith } from './marked-processes.ts';
import { type RabbitMq, startRabbitMq } from './private-rabbitmq.ts';
import { amqpUrl, otherBroker } from './shared-broker.ts';

/** Time limit in ms of a test that starts or restarts a broker. */
const WITH_RESTARTS = 200_000;

/** Options of polls: a helper process of Erlang ends some time after the VM. */
const SOON = { timeout: 20_000, interval: 100 };

describe('the broker of the run', () => {
  it('has a URL that every test gets', () => {
    expect(new URL(amqpUrl()).protocol).toMatch(/^amqps?:$/);
  });

  it.skipIf(otherBroker)('is ready', async () => {
    expect(await answersAmqp(Number(new URL(amqpUrl()).port))).toBe(true);
  });
});

// These tests run in order on one broker.
describe.skipIf(otherBroker)('a private RabbitMQ', () => {
  let broker: RabbitMq;
  beforeAll(async () => {
    broker = await startRabbitMq({ config: ['consumer_timeout = 123456'] });
  }, WITH_RESTARTS);
  afterAll(() => broker.stop());

  it('answers AMQP at its URL', async () => {
    expect(new URL(broker.url).port).toBe(`${broker.port}`);
    expect(await answersAmqp(broker.port)).toBe(true);
    expect(processesWith(broker.folder).some((line) => line.trim().startsWith(`${broker.pid} `))).toBe(true);
  });

  it('works with its rabbitmqctl and has the given configuration', async () => {
    expect(await broker.ctl('list_users')).toMatch(/^guest\t/m);
    expect(await broker.ctl('eval', 'application:get_env(rabbit, consumer_timeout).')).toContain('123456');
    await expect(broker.ctl('no_such_command')).rejects.toThrow('no_such_command');
  });

  it(
    'keeps its data after a kill',
    async () => {
      await broker.ctl('add_vhost', 'kept');
      const { pid } = broker;
      await broker.kill();
      expect(await accepts(broker.port)).toBe(false);
      await broker.restart();
      expect(await answersAmqp(broker.port)).toBe(true);
      expect(await broker.ctl('list_vhosts')).toContain('kept');
      expect(broker.pid).not.toBe(pid);
    },
    WITH_RESTARTS,
  );

  it('leaves no processes and no files', async () => {
    await broker.stop();
    expect(existsSync(broker.folder)).toBe(false);
    await expect.poll(() => processesWith(broker.folder), SOON).toEqual([]);
  });
});

describe('a guarded process', () => {
  it('leaves its folder and no guard if it ends by itself', async () => {
    const folder = scratchFolder();
    const ended = await GuardedProcess.start(['sh', '-c', 'echo why; exit 7'], { FOLDER: folder }, folder);
    await expect.poll(() => ended.outcome, SOON).toBe(7);
    await expect.poll(() => processesWith(`FOLDER=${folder}`), SOON).toEqual([]);
    expect(readFileSync(join(folder, LOG), 'utf8')).toBe('why\n');
    await ended.kill();
  });

  it('ends with the process that started it, also if that was killed, and its folder is removed', async () => {
    const folder = scratchFolder();
    const starter = new Child(new URL('processes/guard.ts', import.meta.url), [folder]);
    await starter.printed(1);
    expect(processesWith(`FOLDER=${folder}`)).not.toEqual([]);
    await starter.kill();
    await expect.poll(() => processesWith(`FOLDER=${folder}`), SOON).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});
