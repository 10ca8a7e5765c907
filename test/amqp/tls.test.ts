import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { makeFolder, removeFolder } from '../backend/support/scratch.ts';
import { freePort } from '../broker/free-port.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { WITH_RESTARTS } from './private.ts';
import { Site, SLOW } from './site.ts';

let broker: RabbitMq;
const folder = makeFolder();
const file = (name: string) => join(folder, name);

const openssl = (line: string) => execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' });

/** Creates a certificate authority. */
function authority(name: string): void {
  openssl(`req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name} -keyout ${name}.key -out ${name}.pem`);
}

/** Creates a certificate for these names. */
function certificate(name: string, by: string, names: string): void {
  writeFileSync(file(`${name}.ext`), `subjectAltName=${names}\n`);
  openssl(`req -newkey rsa:2048 -nodes -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
  openssl(
    `x509 -req -in ${name}.csr -CA ${by}.pem -CAkey ${by}.key -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.pem`,
  );
}

beforeAll(async () => {
  authority('ca');
  authority('other-ca');
  certificate('server', 'ca', 'IP:127.0.0.1,DNS:broker.example');
  certificate('elsewhere', 'ca', 'DNS:elsewhere.example');
  certificate('client', 'ca', 'DNS:client.example');
  broker = await startRabbitMq({ tls: { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key') } });
}, WITH_RESTARTS);

afterAll(async () => {
  await broker.stop();
  removeFolder(folder);
});

/** A URL with TLS. @param query names of files without their folder */
function url(query: Readonly<Record<string, string>> = {}, port = broker.tlsPort!): string {
  const made = new URL(`amqps://guest:guest@127.0.0.1:${port}/%2f`);
  for (const [key, value] of Object.entries(query))
    made.searchParams.set(key, key.endsWith('file') ? file(value) : value);
  return made.href;
}

function siteAt(broker: string): Site {
  const site = new Site(broker);
  onTestFinished(() => site.clear());
  return site;
}

/** Starts a TLS proxy to the broker that requires client certificates. @returns its port */
async function tlsProxy(name: string): Promise<number> {
  const [cert, key, ca] = [`${name}.pem`, `${name}.key`, 'ca.pem'].map((one) => readFileSync(file(one)));
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, (client) => {
    const inside = connect(broker.port, '127.0.0.1');
    client.pipe(inside).pipe(client);
    for (const [one, other] of [
      [client, inside],
      [inside, client],
    ] as const)
      one.on('error', () => other.destroy());
  });
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return port;
}

/** The error of `init` with this URL. */
async function refusal(at: string) {
  const machine = siteAt(at).bare('lead');
  const { exit, message, hint } = await machine.refused('init', '--broker-timeout', '10m');
  return { exit, message, hint };
}

describe('TLS', { timeout: SLOW }, () => {
  test('works from submit to result', async () => {
    const site = siteAt(url({ cacertfile: 'ca.pem' }));
    const [lead, one] = [await site.machine('lead'), await site.machine('one')];
    await lead.submit('a');
    await one.workOff('agentq progress --percent 5; echo fine');
    expect(await lead.ok('result', 'a')).toBe('fine');
  });

  test('a broker with an untrusted certificate is refused', async () => {
    const expected = {
      exit: 26,
      message: expect.stringMatching(/cannot be trusted: .*certificate/),
      hint: expect.stringContaining('cacertfile'),
    };
    expect(await refusal(url())).toEqual(expected);
    expect(await refusal(url({ cacertfile: 'other-ca.pem' }))).toEqual(expected);
  });

  test('an untrusted broker is accepted with verify_none', async () => {
    const machine = siteAt(url({ verify: 'verify_none' })).bare('lead');
    expect(await machine.json('init')).toMatchObject({ broker: { product: { name: 'RabbitMQ' } } });
  });

  test('a broker with another name is refused, unless the URL contains that name', async () => {
    const port = await tlsProxy('elsewhere');
    const own = { cacertfile: 'ca.pem', certfile: 'client.pem', keyfile: 'client.key' };
    expect(await refusal(url(own, port))).toMatchObject({ exit: 26, message: expect.stringContaining('127.0.0.1') });
    const machine = siteAt(url({ ...own, server_name_indication: 'elsewhere.example' }, port)).bare('lead');
    expect(await machine.code('init')).toBe(0);
  });

  test('a broker that requires a client certificate gets the one in the URL', async () => {
    const port = await tlsProxy('server');
    expect(await refusal(url({ cacertfile: 'ca.pem' }, port))).toEqual({
      exit: 26,
      message: expect.stringContaining('requires a client certificate'),
      hint: expect.stringContaining('certfile'),
    });
    const own = { cacertfile: 'ca.pem', certfile: 'client.pem', keyfile: 'client.key' };
    expect(await siteAt(url(own, port)).bare('lead').code('init')).toBe(0);
  });

  test('a broker without TLS is reported', async () => {
    expect(await refusal(url({ cacertfile: 'ca.pem' }, broker.port))).toEqual({
      exit: 26,
      message: expect.stringContaining('does not use TLS'),
      hint: expect.stringContaining('amqp://'),
    });
  });

  test('a plain connection to a TLS port ends within the timeout', async () => {
    const plain = url().replace('amqps:', 'amqp:');
    const machine = siteAt(plain).bare('lead');
    const { exit } = await machine.refused('init', '--broker-timeout', '1s');
    expect([25, 26]).toContain(exit);
  });

  test('the error of a missing file names the file, but not the URL', async () => {
    const machine = siteAt(url({ cacertfile: 'none.pem' })).bare('lead');
    const { exit, message, output } = await machine.refused('init');
    expect({ exit, message }).toEqual({ exit: 12, message: expect.stringMatching(/^cacertfile: .*none\.pem/) });
    expect(output).not.toContain('amqps://');
    writeFileSync(file('broken.pem'), 'no certificate\n');
    const key = siteAt(url({ cacertfile: 'ca.pem', certfile: 'broken.pem', keyfile: 'broken.pem' })).bare('lead');
    expect((await key.refused('init', '--broker-timeout', '10m')).exit).toBe(26);
  });
});
