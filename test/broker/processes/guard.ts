import { GuardedProcess } from '../guarded-process.ts';

/** Starts a process that would run for long, in the folder that it is given, and says so. Then waits to be killed. */
const folder = process.argv[2]!;
await GuardedProcess.start(['sleep', '600'], { PATH: process.env['PATH'], FOLDER: folder }, folder);
process.stdout.write('started\n');
setTimeout(() => undefined, 600_000);
