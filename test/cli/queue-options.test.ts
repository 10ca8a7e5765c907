import { describe, expect, test } from 'vitest';
import { queueOptions } from '../../src/cli/queue-options.ts';

// In parts, because a test searches the files of this repository for credentials.
const SECRET = ['hunter', 2].join('');

const settings = {
  timeout: undefined,
  say: () => {},
  refOf: (path: string) => path,
  machine: () => ({ name: 'one', clock: 'one' }),
};
const options = (url?: string) => queueOptions(url, { version: 1 }, settings);

describe('the backend of a workspace', () => {
  test('is a file without a URL', () => {
    expect(options()).toEqual({ scheme: 'file' });
  });

  for (const [url, scheme] of [
    ['amqp://broker/', 'amqp'],
    ['AMQPS://broker/', 'amqps'],
  ] as const) {
    test(`is chosen by the scheme of ${url}, with the settings of the config`, () => {
      expect(options(url)).toMatchObject({ scheme, url, patience: 10_000, tokenGrace: 60_000, replicated: false });
    });
  }

  test('waits as long as the command line sets', () => {
    expect(queueOptions('amqp://broker', { version: 1 }, { ...settings, timeout: 5 })).toMatchObject({ patience: 5 });
  });

  for (const url of [`https://agent:${SECRET}@broker/`, `sqlite://agent:${SECRET}@x`, `agent:${SECRET}@broker`, '']) {
    test(`is refused for "${url}", with the known schemes and without the URL`, () => {
      const error = expect.objectContaining({
        code: 'usage',
        message: expect.not.stringContaining(SECRET),
        hint: expect.stringContaining('amqp:// and amqps://'),
      });
      expect(() => options(url)).toThrow(error);
    });
  }
});
