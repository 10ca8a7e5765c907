import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect } from 'vitest';
import { freePort } from '../broker/free-port.ts';
import { startProxy } from '../broker/tcp-proxy.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { test, bareTest } from './fixture.ts';
import { SLOW } from './site.ts';

/** A password in URLs. No output may contain it. */
const SECRET = 'hunter2%40';

const nowhere = async () => `amqp://agent:${SECRET}@127.0.0.1:${await freePort()}/%2f`;

const linesOf = (text: string) => text.trimEnd().split('\n');

describe('an endpoint that is not an AMQP broker', () => {
  test('is reported as such', async ({ cast: { lead }, onTestFinished }) => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const web = lead.with({ AGENTQ_URL: `amqp://agent:${SECRET}@127.0.0.1:${port}/%2f` });
    const refused = await web.refused('status', '--broker-timeout', '700ms');
    expect(refused).toMatchObject({ exit: 25, message: expect.stringContaining('is not an AMQP 0-9-1 broker') });
  });
});

describe('a broker that is away', { timeout: SLOW }, () => {
  test('makes a command wait for --broker-timeout and print one line', async ({ cast: { lead } }) => {
    const away = lead.with({ AGENTQ_URL: await nowhere() });
    for (const command of [
      ['status'],
      ['submit', '--to', 'r', '--instructions', 'x'],
      ['claim', '--as', 'r'],
      ['wait', 'a'],
      ['result', 'a'],
      ['inbox'],
      ['dlq'],
    ]) {
      const { code, stdout, stderr } = await away.run(...command, '--broker-timeout', '700ms');
      expect({ command, code, stdout }).toEqual({ command, code: 25, stdout: '' });
      expect(linesOf(stderr)).toEqual([
        expect.stringMatching(/^agentq: no broker at 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*\); trying again( for 1 s)?$/),
        expect.stringMatching(
          /^agentq: the broker at 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.*--broker-timeout/,
        ),
      ]);
      expect(stderr).not.toContain('hunter2');
    }
  });

  test('the timeout may be given before the command or in the config', async ({ cast: { lead } }) => {
    const away = lead.with({ AGENTQ_URL: await nowhere() });
    expect(await away.refused('--broker-timeout', '300ms', 'status')).toMatchObject({ exit: 25, code: 'unreachable' });
    lead.configure({ broker: { timeout: '300ms' } });
    expect(await away.refused('status')).toMatchObject({ exit: 25 });
    expect(await away.refused('status', '--broker-timeout', 'soon')).toMatchObject({ exit: 2 });
  });

  test('a worker waits without a limit, and ends when it is drained', async ({ cast: { lead } }) => {
    const worker = lead.with({ AGENTQ_URL: await nowhere() }).work('true', '--broker-timeout', '100ms');
    await worker.printed('trying again');
    worker.signal('SIGTERM');
    await worker.finished();
    expect(linesOf(worker.stderr)).toEqual([
      expect.stringContaining('trying again'),
      expect.stringContaining('draining'),
    ]);
  });

  test('a broker that accepts the connection and sends nothing is reported as away', async ({ cast: { lead } }) => {
    const proxy = await startProxy(Number(new URL(amqpUrl()).port));
    proxy.freeze();
    try {
      const url = new URL(lead.site.url);
      url.port = `${proxy.port}`;
      const silent = lead.with({ AGENTQ_URL: url.href });
      expect(await silent.refused('status', '--broker-timeout', '1s')).toMatchObject({ exit: 25 });
    } finally {
      await proxy.close();
    }
  });

  test('a command continues when the broker is back in time', async ({ cast: { lead } }) => {
    const proxy = await startProxy(Number(new URL(amqpUrl()).port));
    try {
      await lead.submit('a');
      await proxy.cut();
      const url = new URL(lead.site.url);
      url.port = `${proxy.port}`;
      const command = lead.with({ AGENTQ_URL: url.href }).start('status', '--broker-timeout', '60s');
      await expect.poll(() => command.stderr, { timeout: SLOW }).toContain('trying again');
      await proxy.heal();
      const { code, stderr } = await command.ended;
      expect(code).toBe(0);
      expect(linesOf(stderr)).toEqual([
        expect.stringMatching(/^agentq: no broker at /),
        expect.stringMatching(/^agentq: the broker at \S+ is back$/),
      ]);
    } finally {
      await proxy.close();
    }
  });

  bareTest('creates no workspace', async ({ site }) => {
    const machine = site.bare('lead').with({ AGENTQ_URL: await nowhere() });
    expect(await machine.refused('init', '--broker-timeout', '300ms')).toMatchObject({ exit: 25 });
    expect(existsSync(machine.path('.agentq'))).toBe(false);
  });
});

describe('an error of the broker', { timeout: SLOW }, () => {
  test('a wrong password, user or virtual host is reported at once', async ({ cast: { lead } }) => {
    const urls = [
      ['user or the password', (url: URL) => (url.password = SECRET)],
      ['user or the password', (url: URL) => (url.username = 'no-such-user')],
      ['virtual host', (url: URL) => (url.pathname = '/none')],
    ] as const;
    for (const [what, change] of urls) {
      const url = new URL(lead.site.url);
      change(url);
      const refused = await lead.with({ AGENTQ_URL: url.href }).refused('status', '--broker-timeout', '10m');
      expect(refused).toMatchObject({ exit: 26, code: 'denied', message: expect.stringContaining(what) });
      expect(linesOf(refused.output)).toHaveLength(1);
      expect(refused.output).not.toContain('hunter2');
    }
  });

  test('an undeclared role is named, with the command that declares it', async ({ cast: { lead, one } }) => {
    one.configure({ roles: { paintre: {} } });
    for (const command of [
      ['submit', '--to', 'painter', '--instructions', 'x'],
      ['claim', '--as', 'painter'],
      ['work', '--as', 'painter', '--until-empty', '--', 'true'],
    ]) {
      const { exit, code, message, hint, output } = await one.refused(...command);
      expect(output).toContain('painter: nobody works for it; did you mean paintre?\n');
      expect({ exit, code }, command.join(' ')).toEqual({ exit: 27, code: 'topology' });
      expect(message).toContain('painter');
      expect(hint).toContain('agentq init --workers painter');
    }
    expect((await lead.json('list')).tasks).toEqual([]);
    const listed = await one.run('list', '--to', 'painter');
    expect(listed).toMatchObject({ code: 0, stderr: 'painter: nobody works for it; did you mean paintre?\n' });
  });

  test('a missing topology is reported, with the command that declares it', async ({ cast: { lead } }) => {
    const url = new URL(lead.site.url);
    url.searchParams.set('prefix', `${lead.site.names.prefix}-none`);
    const { exit, hint } = await lead.with({ AGENTQ_URL: url.href }).refused('status');
    expect({ exit, hint }).toEqual({ exit: 27, hint: expect.stringContaining('agentq init') });
  });
});

describe('an invalid URL', () => {
  const wrong: Readonly<Record<string, string>> = {
    'has no scheme': `agent:${SECRET}@broker`,
    'has another scheme': `https://agent:${SECRET}@broker/`,
    'names no host': `amqp:///${SECRET}`,
    'has an invalid port': `amqp://agent:${SECRET}@broker:port/`,
    'has an unknown parameter': `amqp://agent:${SECRET}@broker/?pasword=${SECRET}`,
    'has a password with a question mark': `amqp://agent:what?${SECRET}@broker/`,
    'has an invalid prefix': `amqp://agent:${SECRET}@broker/?prefix=a.b`,
    'has a heartbeat that is not a number': `amqp://agent:${SECRET}@broker/?heartbeat=often`,
    'has an invalid percent encoding': `amqp://agent:${SECRET}%zz@broker/`,
  };

  for (const [how, url] of Object.entries(wrong)) {
    bareTest(`that ${how} is refused, and the error does not contain the URL`, { timeout: SLOW }, async ({ site }) => {
      const machine = site.bare('lead').with({ AGENTQ_URL: undefined });
      await machine.ok('init');
      const [byOption, byEnvironment] = await Promise.all([
        machine.refused('status', '--url', url),
        machine.with({ AGENTQ_URL: url }).refused('status'),
      ]);
      expect(byOption).toMatchObject({ exit: 2, message: expect.stringMatching(/^the URL of the broker is wrong: /) });
      expect(byEnvironment).toEqual(byOption);
      expect(byOption.output).not.toMatch(/hunter2|agent:|@broker/);
    });
  }
});
