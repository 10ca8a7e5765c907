import { spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian keeps the scripts themselves. Those of its PATH insist on the user rabbitmq and its folders. */
const DEBIAN = '/usr/lib/rabbitmq/bin';

/** How long the package manager may take, in ms. */
const PATIENCE = 600_000;

/** Debian asks this script whether it may start a service: 101 forbids it. Written only where there is none. */
const POLICY = '/usr/sbin/policy-rc.d';

const ADVICE = 'Install it (Debian: apt-get install rabbitmq-server), or let AGENTQ_TEST_AMQP_URL name another broker.';

/**
 * The folder of RabbitMQ's scripts rabbitmq-server and rabbitmqctl. Installs them where they are missing and we may.
 * @throws with advice where there are none: no test of a broker is ever skipped in silence
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

/** @returns what went wrong, for the message where the scripts are missing afterwards */
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

/** @returns whether it is ours to allow them again */
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
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
  });
  const output = `${ran.stdout ?? ''}${ran.stderr ?? ''}`.slice(-2000);
  return { ok: ran.status === 0, output: `${command} ${args[0]}: ${ran.error?.message ?? ran.status}\n${output}` };
}
