import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import { Connection } from '../../src/backend/projection/connection.ts';
import { scratchFolder } from '../backend/support/scratch.ts';

/** Takes the write lock of an empty database and keeps it briefly, as a process that creates a store does. */
const HOLDER = `
  const { DatabaseSync } = require('node:sqlite');
  const { parentPort, workerData } = require('node:worker_threads');
  const db = new DatabaseSync(workerData);
  db.exec('BEGIN IMMEDIATE');
  setTimeout(() => { db.exec('ROLLBACK'); db.close(); }, 300);
  parentPort.postMessage('locked');
`;

test('opening a new file waits for another process that creates it at the same time', async () => {
  const path = join(scratchFolder(), 'new.db');
  writeFileSync(path, '');
  const holder = new Worker(HOLDER, { eval: true, workerData: path });
  onTestFinished(async () => void (await holder.terminate()));
  await once(holder, 'message');
  const connection = Connection.create(path, 0o600, cacheSchema);
  expect(connection.get('SELECT last FROM log')).toEqual({ last: -1 });
  connection.close();
});
