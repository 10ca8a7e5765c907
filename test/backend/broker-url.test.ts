import { describe, expect, test } from 'vitest';
import { identityOf, parseBrokerUrl, placeOf } from '../../src/backend/amqp/connection/broker-url.ts';
import { AgentqError } from '../../src/core/errors.ts';

// In parts, because a test searches the files of this repository for credentials.
const SECRET = ['hunter', 2].join('');
const SPECIAL = ['p', '%40', '%2C'].join('');

const hostsOf = (url: string) => parseBrokerUrl(url).hosts.map(({ host, port }) => `${host} ${port}`);

describe('the hosts of a URL', () => {
  test.for([
    ['amqp://broker', ['broker 5672']],
    ['amqps://broker', ['broker 5671']],
    ['amqp://u:p@a,b,c/v', ['a 5672', 'b 5672', 'c 5672']],
    ['amqps://a,b:5673/', ['a 5671', 'b 5673']],
    ['amqp://a:1,b:2?prefix=x', ['a 1', 'b 2']],
    ['amqp://a:1,a:2', ['a 1', 'a 2']],
    ['amqp://[::1]:1,[fe80::2],c', ['::1 1', 'fe80::2 5672', 'c 5672']],
    [`amqp://u,v:${SPECIAL}@a,b/x,y`, ['a 5672', 'b 5672']],
  ] as const)('%s', ([url, hosts]) => {
    expect(hostsOf(url)).toEqual(hosts);
  });

  test('share the login, the virtual host and the parameters', () => {
    const url = `amqps://u%2C1:${SPECIAL}@a,b:1/v%2Fw,x?prefix=own&heartbeat=9&verify=verify_none`;
    expect(parseBrokerUrl(url)).toMatchObject({
      secure: true,
      user: 'u,1',
      password: 'p@,',
      vhost: 'v/w,x',
      prefix: 'own',
      heartbeat: 9,
      tls: { rejectUnauthorized: false },
    });
  });

  test.for([
    `amqp://agent:${SECRET}@a,/v`,
    `amqp://agent:${SECRET}@,a/v`,
    `amqp://agent:${SECRET}@a,,b/v`,
    `amqp://agent:${SECRET}@a,b:port/v`,
    `amqp://agent:${SECRET}@a,b:99999/v`,
    `amqp://agent:${SECRET}@a, b/v`,
    `amqp://agent:${SECRET}@a,b,a:5672/v`,
    `amqp://agent:${SECRET}@a,:5672/v`,
    `amqp://agent:${SECRET}@a,[::1/v`,
    `amqp://agent:${SECRET},b/v`,
    `amqp://agent:${SECRET.replace('t', '/t')}@a,b/v`,
  ])('are refused and not quoted: %s', (url) => {
    const refusal = (() => {
      try {
        return parseBrokerUrl(url);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(AgentqError);
    expect(refusal).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/^the URL of the broker is wrong: /),
    });
    expect((refusal as AgentqError).message).not.toMatch(/hun|agent/);
  });
});

test('the place names hosts, ports and virtual host, and no login', () => {
  expect(placeOf(parseBrokerUrl('amqp://u:p@b,[::1]:9,a/%2f'))).toBe('b:5672,[::1]:9,a:5672');
  expect(placeOf(parseBrokerUrl('amqp://u:p@b/v'))).toBe('b:5672/v');
});

test('the order of the hosts does not change the identity of the broker', () => {
  const identities = ['amqp://b,a:1,c/v', 'amqp://c,b,a:1/v', 'amqp://a:1/v'].map((url) =>
    identityOf(parseBrokerUrl(url)),
  );
  expect(identities[0]).toBe(identities[1]);
  expect(identities[2]).not.toBe(identities[1]);
});

describe('an unknown parameter', () => {
  const messageFor = (url: string) => {
    try {
      return `accepted: ${parseBrokerUrl(url).prefix}`;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('is named, with the known ones', () => {
    expect(messageFor(`amqp://agent:${SECRET}@broker/?prefx=own`)).toMatch(/ parameter prefx; .* prefix, heartbeat/);
  });

  test.for([
    `amqp://agent:what?${SECRET}@broker/`,
    `amqp://agent:what?${SECRET}#@broker/`,
    `amqp://agent:1?${SECRET}`,
    `amqp://agent:1?${SECRET}=x@broker/`,
  ])('is not named if it may be a part of the password: %s', (url) => {
    expect(messageFor(url)).not.toMatch(/accepted|hunter/);
  });
});
