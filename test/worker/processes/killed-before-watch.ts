// Starts a child as a worker does, and kills itself before it reports the process group of the child to the guard.
import { spawn } from 'node:child_process';
import { Guard } from '../../../src/app/worker/processes/guard.ts';

const resultFile = process.argv[2]!;
const guard = new Guard(process.env);
guard.expect(resultFile);
const child = spawn('sleep', ['600'], {
  detached: true,
  stdio: 'ignore',
  env: { ...process.env, AGENTQ_RESULT_FILE: resultFile },
});
process.stdout.write(`${child.pid}\n`, () => process.kill(process.pid, 'SIGKILL'));
