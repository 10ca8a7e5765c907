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

/** The name of another life of this process, or of one with the same id that started then. */
const named = (start = '') => `${hostname()} ${process.pid} 0.25 ${start}`.trim();

describe('a process that would read the log', () => {
  test('leaves it to one that runs', () => {
    const { cache, elect, reader } = setUp();
    elect(named(startOf(process.pid)));
    expect(reader.stand()).toBe(false);
    expect(reader.stand(true)).toBe(true);
    expect(new ElectedReader(cache, () => 0.75).stand()).toBe(false);
  });

  test('leaves it to one that runs, and whose start is not known', () => {
    const { elect, reader } = setUp();
    elect(named());
    expect(reader.stand()).toBe(false);
  });

  test('replaces one that has ended', () => {
    const { elect, reader } = setUp();
    elect(`${hostname()} 99999999 0.25`);
    expect(reader.stand()).toBe(true);
  });

  test('replaces one whose id another process has now', (context) => {
    const own = startOf(process.pid);
    context.skip(own === undefined, 'this system does not tell when a process started');
    const { elect, reader } = setUp();
    elect(named(own!.replace(/\d+$/, '1')));
    expect(reader.stand()).toBe(true);
    elect(named(own!.replace(/^[^/]*/, 'an-earlier-boot')));
    expect(reader.stand()).toBe(true);
  });
});
