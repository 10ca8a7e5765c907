import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { freePort } from '../broker/free-port.ts';
import { ownTest, test } from '../amqp/fixture.ts';
import { type Machine, Site, SLOW } from '../amqp/site.ts';

/** The URL of the site with a change. */
function changed(site: Site, change: (url: URL) => void): { readonly AGENTQ_URL: string } {
  const url = new URL(site.url);
  change(url);
  return { AGENTQ_URL: url.href };
}

/** Puts a completion into the outbox, as a worker does in an outage. Entries of older versions name no queue. */
function keepCompletion(machine: Machine, id: string, more: object = {}): string {
  const name = `${String(Date.now()).padStart(15, '0')}-${id}-complete.json`;
  const command = { type: 'complete', by: 'r', attempt: 1, summary: 'finished', artifacts: [] };
  mkdirSync(machine.path('.agentq', 'outbox'), { recursive: true });
  writeFileSync(outbox(machine, name), JSON.stringify({ v: 1, at: Date.now(), task_id: id, command, ...more }));
  return name;
}

const outbox = (machine: Machine, name: string) => machine.path('.agentq', 'outbox', name);

/** The machine during an outage: the URL has a port on which no process listens. */
async function offline(site: Site, machine: Machine): Promise<Machine> {
  const port = `${await freePort()}`;
  return machine.with(changed(site, (url) => void (url.port = port)));
}

const SAVED = ['--offline-ok', '--broker-timeout', '300ms'];

/** Submits during an outage. */
async function submitOffline(site: Site, machine: Machine, id: string, to = 'r'): Promise<void> {
  await (await offline(site, machine)).ok('submit', '--to', to, '--id', id, '--instructions', 'x', ...SAVED);
}

const waitLines = (stderr: string) => stderr.split('\n').filter((line) => line.includes('in the outbox'));

/** The findings of doctor about the outbox. */
async function outboxAdvice(machine: Machine): Promise<readonly string[]> {
  const { stdout } = await machine.run('--json', 'doctor');
  const { findings } = JSON.parse(stdout) as Output<'doctor'>;
  return findings.filter(({ subject }) => subject.startsWith('outbox/')).map(({ problem }) => problem);
}

/** Possible faults of a URL: description, exit code, and the change that causes it. */
const unusable: readonly (readonly [string, number, (url: URL) => void])[] = [
  ['a wrong password', 26, (url: URL) => void (url.password = 'wrong')],
  ['a virtual host that does not exist', 26, (url: URL) => void (url.pathname = '/nowhere')],
  ['a prefix that was not declared', 27, (url: URL) => url.searchParams.set('prefix', 'undeclared')],
];

describe('the outbox', { timeout: SLOW }, () => {
  test.for(unusable)('%s leaves it unchanged', async ([, exit, change], { cast: { site, lead, one } }) => {
    await lead.submit('a');
    await lead.submit('b');
    await one.ok('claim', '--as', 'r');
    await one.ok('claim', '--as', 'r');
    const files = [keepCompletion(one, 'a'), keepCompletion(one, 'b')].toSorted();
    const { code, stderr } = await one.with(changed(site, change)).run('status');
    expect(code).toBe(exit);
    expect(one.files('outbox')).toEqual(files);
    expect(waitLines(stderr)).toEqual([expect.stringMatching(/ a and 1 more wait in the outbox: /)]);
    expect(await one.run('status')).toMatchObject({ code: 0, stderr: expect.stringContaining('a was completed') });
    expect(one.files('outbox')).toEqual([]);
    expect(await lead.task('b')).toMatchObject({ status: 'completed' });
  });

  ownTest(
    'an entry whose role has no queue waits, and the later entries are sent',
    async ({ cast: { site, lead } }) => {
      await lead.submit('a');
      await lead.ok('claim', '--as', 'r');
      await submitOffline(site, lead, 'p', 'no-such-role');
      await submitOffline(site, lead, 'q', 'no-such-role');
      keepCompletion(lead, 'a');
      const { code, stderr } = await lead.run('status');
      expect(code).toBe(0);
      expect(stderr).toContain('a was completed during the outage; the queue has recorded it');
      expect(waitLines(stderr)).toEqual([expect.stringMatching(/ p and 1 more wait in the outbox: .*no-such-role/)]);
      expect(lead.files('outbox')).toHaveLength(2);
      expect(waitLines((await lead.run('status')).stderr)).toEqual([]);
      const advice = expect.stringMatching(/^waits .*: .*no-such-role/);
      expect(await outboxAdvice(lead)).toEqual([advice, advice]);
      const worker = lead.work('true');
      await lead.submit('c');
      await lead.submit('d');
      expect(await lead.wait('c', 'd')).toBe(0);
      worker.signal('SIGTERM');
      await worker.finished();
      expect(waitLines(worker.stderr)).toHaveLength(1);
      await lead.ok('init', '--workers', 'no-such-role');
      expect(await lead.run('status')).toMatchObject({ code: 0, stderr: expect.stringContaining('q was submitted') });
      expect(lead.files('outbox')).toEqual([]);
    },
  );

  test('an entry for another queue waits until that queue is used', async ({ cast: { site, lead } }) => {
    const other = new Site(amqpUrl());
    onTestFinished(() => other.close());
    await other.machine('lead');
    await submitOffline(site, lead, 'a');
    const [file] = lead.files('outbox');
    const text = readFileSync(outbox(lead, file!), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ place: { prefix: site.names.prefix } });
    const { hostname, port, username, password } = new URL(site.url);
    for (const part of [`${hostname}:${port}`, `${username}:${password}`]) expect(text).not.toContain(part);
    const elsewhere = lead.with({ AGENTQ_URL: other.url });
    const { code, stderr } = await elsewhere.run('status');
    expect(code).toBe(0);
    expect(waitLines(stderr)).toEqual([expect.stringContaining(`prefix ${site.names.prefix}`)]);
    expect(lead.files('outbox')).toEqual([file]);
    expect(await outboxAdvice(elsewhere)).toEqual([expect.stringContaining(`prefix ${site.names.prefix}`)]);
    expect(await lead.run('status')).toMatchObject({ stderr: expect.stringContaining('a was submitted') });
    expect(lead.files('outbox')).toEqual([]);
    expect(await lead.json('status', 'a')).toMatchObject({ status: 'queued' });
  });

  test('a refused entry contains the reason and can be sent again', async ({ cast: { site, lead } }) => {
    await lead.submit('a');
    await lead.ok('cancel', 'a');
    const name = keepCompletion(lead, 'a');
    await lead.submit('b');
    await submitOffline(site, lead, 'b', 's');
    await lead.ok('status');
    const [first, second] = lead.files('outbox');
    expect([first, second]).toEqual([`${name}.refused`, expect.stringMatching(/-b-submit\.json\.refused$/)]);
    const { refused } = JSON.parse(readFileSync(outbox(lead, first!), 'utf8')) as { refused: { message: string } };
    expect(refused.message).toContain('cancelled');
    expect(await lead.run('doctor')).toMatchObject({ code: 24 });
    expect(await outboxAdvice(lead)).toEqual([
      expect.stringMatching(/cancelled.*remove \.refused.*agentq complete a --from r .*Otherwise delete it/),
      expect.stringMatching(/refused by the queue: .*b.*remove \.refused.*agentq submit --to s .*Otherwise delete it/),
    ]);
    renameSync(outbox(lead, first!), outbox(lead, name));
    expect(await lead.run('status')).toMatchObject({ stderr: expect.stringContaining('the queue has refused it') });
  });

  test('other content under an id that waits in the outbox is refused', async ({ cast: { site, lead } }) => {
    const away = await offline(site, lead);
    const submit = ['submit', '--to', 'r', '--id', 'a', ...SAVED, '--instructions'];
    expect(await away.json(...submit, 'x')).toEqual({ task_id: 'a', status: 'queued', kept: true });
    expect(await away.json(...submit, 'x')).toEqual({ task_id: 'a', status: 'queued', kept: true });
    expect(await away.refused(...submit, 'y')).toMatchObject({ exit: 4, message: expect.stringContaining('a exists') });
    expect(lead.files('outbox')).toHaveLength(1);
    expect(await lead.run('status')).toMatchObject({ stderr: expect.stringContaining('the queue has recorded it') });
    expect(lead.files('outbox')).toEqual([]);
  });
});
