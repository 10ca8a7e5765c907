import { expect, onTestFinished, test } from 'vitest';
import { Cache } from '../../src/backend/amqp/cache/cache.ts';
import { isBeingWritten, neededSnapshots, noteSnapshot } from '../../src/backend/amqp/cache/tables/known-snapshots.ts';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import { scratchFolder } from './support/scratch.ts';

const NOW = Date.UTC(2027, 0, 31);
const YEAR = 365 * 86_400_000;
const FORMAT = cacheSchema.version;

function makeLog() {
  const cache = new Cache(scratchFolder(), 'broker', 0o600);
  onTestFinished(() => cache.close());
  let end = 0;
  const begins = (at = NOW) => noteSnapshot(cache.db, { id: `entry ${++end}`, at, snapshot: undefined }, end);
  const announces = (format = FORMAT, at = NOW) => {
    const last = ++end;
    const file = { name: 'any', path: `snapshots/${last}.db.gz`, sha256: '0'.repeat(64), size: 1 };
    noteSnapshot(cache.db, { id: `entry ${++end}`, at, snapshot: { last, id: 'any', format, file } }, end);
    return last;
  };
  const prunes = () => cache.db.run('UPDATE log SET pruned = ?', ++end);
  const needed = () => neededSnapshots(cache.db).map(({ last }) => last);
  return { begins, announces, prunes, needed, isBeingWritten: () => isBeingWritten(cache.db, undefined, NOW) };
}

test('a snapshot of a writer whose clock is ahead does not count as being written', () => {
  const log = makeLog();
  log.begins(NOW + YEAR);
  expect(log.isBeingWritten()).toBe(false);
  log.begins(NOW + 30_000);
  expect(log.isBeingWritten()).toBe(true);
});

test('entries of writers whose clocks are ahead do not displace later ones', () => {
  const log = makeLog();
  for (let n = 0; n < 20; n++) log.begins(NOW + YEAR);
  const last = log.announces();
  expect(log.needed()).toEqual([last]);
});

test('the newest two snapshots of each format are needed', () => {
  const log = makeLog();
  log.announces();
  const own = [log.announces(), log.announces()];
  log.announces(FORMAT - 1);
  const older = [log.announces(FORMAT - 1), log.announces(FORMAT - 1)];
  expect(log.needed()).toEqual([...own, ...older].toReversed());
});

test('after a prune only the newest snapshot of the own format is needed, until there is a later one', () => {
  const log = makeLog();
  log.announces();
  const own = log.announces();
  log.announces(FORMAT - 1);
  log.prunes();
  expect(log.needed()).toEqual([own]);
  const older = log.announces(FORMAT - 1);
  expect(log.needed()).toEqual([older, own]);
  const newer = log.announces();
  expect(log.needed()).toEqual([newer, older]);
});
