import { writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Takes the write lock of a database, prints a line, and keeps the lock until it is killed. */
const [path] = process.argv.slice(2) as [string];
const db = new DatabaseSync(path);
db.exec('BEGIN IMMEDIATE');
writeSync(1, 'held\n');
setInterval(() => db.isOpen, 60_000);
