import { spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The folder of the scripts on Debian. The scripts in its PATH require the user rabbitmq and its folders. */
const DEBIAN = '/usr/lib/rabbitmq/bin';

/** Time limit of the package manager, in ms. */
const TIME_LIMIT = 600_000;

/** Debian calls this script before it starts a service; exit code 101 forbids it. Written only if it does not exist. */
const POLICY = '/usr/sbin/policy-rc.d';

const ADVICE = 'Install it (Debian: apt-get install rabbitmq-server), or let AGENTQ_TEST_AMQP_URL name another broker.';

/**
 * The folder of the scripts rabbitmq-server and rabbitmqctl. Installs them if they are missing and the user is root.
 * @throws with advice if they are missing, so that broker tests are never skipped silently
 */
export function rabbitMqScripts(): string {
  const found = find();
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0 || !run('apt-get', '--version').ok) {
    throw new Error(`The tests need RabbitMQ, and rabbitmq-server is not on this machine. ${ADVICE}`);
  }
  process.stderr.write('rabbitmq-server is missing: installing it, for the tests\n');
  const report = install();
  const installed = find();
  if (installed === undefined) throw new Error(`rabbitmq-server could not be installed. ${ADVICE}\n${report}`);
  return installed;
}

function find(): string | undefined {
  const folders = [DEBIAN, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/opt/homebrew/sbin'];
  return folders.find((folder) => isProgram(join(folder, 'rabbitmq-server')) && isProgram(join(folder, 'rabbitmqctl')));
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @returns the errors, for the message if the scripts are still missing */
function install(): string {
  const lockPolicy = forbidServices();
  try {
    const update = run('apt-get', 'update');
    const added = run('apt-get', 'install', '-y', '--no-install-recommends', 'rabbitmq-server');
    return [update, added].flatMap(({ ok, output }) => (ok ? [] : [output])).join('\n');
  } finally {
    if (lockPolicy) rmSync(POLICY, { force: true });
  }
}

/** @returns whether this call created the file, so that it must remove it */
function forbidServices(): boolean {
  try {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { flag: 'wx', mode: 0o755 });
    return true;
  } catch {
    return false;
  }
}

function run(command: string, ...args: readonly string[]): { readonly ok: boolean; readonly output: string } {
  const ran = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: TIME_LIMIT,
    killSignal: 'SIGKILL',
  });
  const output = `${ran.stdout ?? ''}${ran.stderr ?? ''}`.slice(-2000);
  return { ok: ran.status === 0, output: `${command} ${args[0]}: ${ran.error?.message ?? ran.status}\n${output}` };
}
