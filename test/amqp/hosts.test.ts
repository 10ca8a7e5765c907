import { describe, expect, onTestFinished } from 'vitest';
import { freePort } from '../broker/free-port.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { startProxy, type TcpProxy } from '../broker/tcp-proxy.ts';
import { until } from '../worker/harness.ts';
import { test } from './fixture.ts';
import { withPorts } from './private.ts';
import { SLOW } from './site.ts';

async function proxies(count: number): Promise<TcpProxy[]> {
  const port = Number(new URL(amqpUrl()).port);
  const made = await Promise.all(Array.from({ length: count }, () => startProxy(port)));
  onTestFinished(async () => {
    for (const proxy of made) await proxy.close();
  });
  return made;
}

const linesWith = (text: string, part: RegExp) => text.split('\n').filter((line) => part.test(line));

describe('a URL with several hosts', { timeout: SLOW }, () => {
  test('works for every command as long as one host answers', async ({ cast: { lead } }) => {
    await lead.submit('a');
    const live = Number(new URL(amqpUrl()).port);
    const urls = [
      [await freePort(), live],
      [live, await freePort()],
      [await freePort(), live, await freePort()],
    ].map((ports) => withPorts(lead.site.url, ports));
    for (const [n, AGENTQ_URL] of urls.entries()) {
      const machine = lead.with({ AGENTQ_URL });
      for (const command of [['list'], ['submit', '--to', 's', '--id', `t${n}`, '--instructions', 'x'], ['doctor']]) {
        expect(await machine.run(...command, '--broker-timeout', '20s')).toMatchObject({ code: 0, stderr: '' });
      }
    }
    expect(await lead.task('t2')).toMatchObject({ status: 'queued' });
  });

  test('leaves time for the next host if one accepts the connection and sends nothing', async ({ cast: { lead } }) => {
    await lead.submit('a');
    const [silent, live] = await proxies(2);
    silent!.freeze();
    const machine = lead.with({ AGENTQ_URL: withPorts(lead.site.url, [silent!.port, live!.port]) });
    // Each command begins at a random host.
    for (let n = 0; n < 4; n++)
      expect(await machine.run('list', '--broker-timeout', '10s')).toMatchObject({ code: 0, stderr: '' });
  });

  test('a worker continues through another host when its host ends', async ({ cast: { lead, one } }) => {
    const made = await proxies(2);
    const url = withPorts(
      lead.site.url,
      made.map(({ port }) => port),
    );
    await lead.submit('a');
    const worker = one
      .with({ AGENTQ_URL: url })
      .work('echo "$AGENTQ_TASK_ID" >> "$OUT/runs"; [ "$AGENTQ_TASK_ID" != a ] || until_there go; echo done');
    onTestFinished(() => worker.signal('SIGKILL'));
    await lead.site.lines('runs');
    for (const [round, id] of ['b', 'c'].entries()) {
      // The second time in the other direction: the first host is available again.
      const own = made.find(({ connections }) => connections > 0)!;
      const other = made.find((proxy) => proxy !== own)!;
      await own.cut();
      await until('the worker to connect to the other host', () => other.connections > 0);
      if (round === 0) lead.site.write('go');
      await lead.submit(id);
      expect(await lead.wait(round === 0 ? 'a' : id, id)).toBe(0);
      await own.heal();
    }
    for (const id of ['a', 'b', 'c'])
      expect(await lead.task(id)).toMatchObject({ attempts: [{ number: 1, outcome: 'completed' }], refused: 0 });
    worker.signal('SIGTERM');
    await worker.finished();
    expect(linesWith(worker.stderr, /no broker at/)).toEqual([]);
  });

  test('a worker leaves a host that freezes', async ({ cast: { lead, one } }) => {
    const made = await proxies(2);
    const url = withPorts(
      lead.site.url,
      made.map(({ port }) => port),
    );
    const worker = one.with({ AGENTQ_URL: `${url}&heartbeat=1` }).work('echo done');
    onTestFinished(() => worker.signal('SIGKILL'));
    await lead.submit('a');
    expect(await lead.wait('a')).toBe(0);
    const own = made.find(({ connections }) => connections > 0)!;
    const other = made.find((proxy) => proxy !== own)!;
    own.freeze();
    await until('the worker to connect to the other host', () => other.connections > 0);
    await lead.submit('b');
    expect(await lead.wait('b')).toBe(0);
    worker.signal('SIGTERM');
    await worker.finished();
  });

  test('is named in errors without its password', async ({ cast: { lead } }) => {
    const ports = [await freePort(), await freePort()];
    const places = ports.map((port) => `127.0.0.1:${port}`);
    const url = withPorts(lead.site.url.replace(/\/\/[^@]*@/, '//agent:hunter2%40@'), ports);
    const refused = await lead.with({ AGENTQ_URL: url }).refused('status', '--broker-timeout', '700ms');
    expect(refused).toMatchObject({ exit: 25, message: expect.stringContaining(`the broker at ${places.join()} `) });
    for (const place of places) expect(refused.message).toContain(`ECONNREFUSED ${place}`);
    expect(refused.output).not.toContain('hunter2');
  });

  test('is refused at once if one host refuses the login, and the error names the host', async ({ cast: { lead } }) => {
    const live = Number(new URL(amqpUrl()).port);
    const url = withPorts(lead.site.url.replace(/\/\/[^@]*@/, '//no-such-user:hunter2%40@'), [await freePort(), live]);
    const refused = await lead.with({ AGENTQ_URL: url }).refused('status', '--broker-timeout', '10m');
    expect(refused).toMatchObject({ exit: 26, message: expect.stringContaining(`the broker at 127.0.0.1:${live} `) });
    expect(refused.output).not.toContain('hunter2');
  });
});
