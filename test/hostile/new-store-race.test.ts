import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { cacheSchema } from '../../src/backend/amqp/cache/schema.ts';
import { Connection } from '../../src/backend/projection/connection.ts';
import { scratchFolder } from '../backend/support/scratch.ts';

/** Holds the write lock of an empty database for a moment after it has said so, as a process that creates it does. */
const HOLDER = `
  const { DatabaseSync } = require('node:sqlite');
  const { parentPort, workerData } = require('node:worker_threads');
  const db = new DatabaseSync(workerData);
  db.exec('BEGIN IMMEDIATE');
  setTimeout(() => { db.exec('ROLLBACK'); db.close(); }, 300);
  parentPort.postMessage('locked');
`;

test('a new file that another process creates at the same time is waited for', async () => {
  const path = join(scratchFolder(), 'new.db');
  writeFileSync(path, '');
  const holder = new Worker(HOLDER, { eval: true, workerData: path });
  onTestFinished(async () => void (await holder.terminate()));
  await once(holder, 'message');
  const connection = Connection.create(path, 0o600, cacheSchema);
  expect(connection.get('SELECT last FROM log')).toEqual({ last: -1 });
  connection.close();
});
