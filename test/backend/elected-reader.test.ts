import { hostname } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Cache } from '../../src/backend/amqp/cache/cache.ts';
import { ElectedReader } from '../../src/backend/amqp/cache/elected-reader.ts';
import { startOf } from '../../src/files/running-process.ts';
import { scratchFolder } from './support/scratch.ts';

function setUp() {
  const cache = new Cache(scratchFolder(), 'log', 0o600);
  onTestFinished(() => cache.close());
  const elect = (name: string) => cache.db.run('INSERT OR REPLACE INTO reader VALUES (1, ?)', name);
  return { cache, elect, reader: new ElectedReader(cache, () => 0.5) };
}

/** The name of another reader in a process with the id of this one. @param start when that process started */
const named = (start = '') => `${hostname()} ${process.pid} 0.25 ${start}`.trim();

describe('a process that is to become the reader of the log', () => {
  test('is not elected while another reader runs', () => {
    const { cache, elect, reader } = setUp();
    elect(named(startOf(process.pid)));
    expect(reader.stand()).toBe(false);
    expect(reader.stand(true)).toBe(true);
    expect(new ElectedReader(cache, () => 0.75).stand()).toBe(false);
  });

  test('is not elected while another reader runs whose start time is unknown', () => {
    const { elect, reader } = setUp();
    elect(named());
    expect(reader.stand()).toBe(false);
  });

  test('replaces a reader that has ended', () => {
    const { elect, reader } = setUp();
    elect(`${hostname()} 99999999 0.25`);
    expect(reader.stand()).toBe(true);
  });

  test('replaces a reader whose process id belongs to another process now', (context) => {
    const own = startOf(process.pid);
    context.skip(own === undefined, 'this system does not record when a process started');
    const { elect, reader } = setUp();
    elect(named(own!.replace(/\d+$/, '1')));
    expect(reader.stand()).toBe(true);
    elect(named(own!.replace(/^[^/]*/, 'an-earlier-boot')));
    expect(reader.stand()).toBe(true);
  });
});
