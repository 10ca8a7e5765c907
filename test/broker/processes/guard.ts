import { GuardedProcess } from '../guarded-process.ts';

/** Starts a long process in the given folder, prints a line, and waits to be killed. */
const folder = process.argv[2]!;
await GuardedProcess.start(['sleep', '600'], { PATH: process.env['PATH'], FOLDER: folder }, folder);
process.stdout.write('started\n');
setTimeout(() => undefined, 600_000);
