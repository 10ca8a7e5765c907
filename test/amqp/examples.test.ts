import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { scratchFolder } from '../backend/support/scratch.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { PROGRAM, SLOW } from './site.ts';
import { WITH_RESTARTS } from './private.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));

const runs = (file: string, ...args: readonly string[]) => spawnSync(file, args, { timeout: SLOW }).status === 0;

/** A Python with an AMQP library. */
const python = ['python3', '/usr/bin/python3'].find((one) => runs(one, '-c', 'import pika'));
const noPython = [python === undefined, 'no Python with pika: apt-get install python3-pika'] as const;

const hasTools = ['amqp-consume', 'amqp-get', 'amqp-publish'].every((tool) => runs(tool, '--help'));
const noTools = [!hasTools, 'no amqp-tools: apt-get install amqp-tools'] as const;

let broker: RabbitMq;

beforeAll(async () => {
  broker = await startRabbitMq();
}, WITH_RESTARTS);
afterAll(() => broker.stop());

/** Adds a virtual host, because the examples use the default names. @returns its URL */
async function urlOfNewHost(name: string): Promise<string> {
  await broker.ctl('add_vhost', name);
  await broker.ctl('set_permissions', '-p', name, 'guest', '.*', '.*', '.*');
  return broker.url.replace(/%2f$/, name);
}

interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** An empty folder, with a PATH that contains `agentq` and a suitable `python3`. */
function place(url: string): Place {
  const folder = scratchFolder();
  const [bin, cwd] = [join(folder, 'bin'), join(folder, 'project')];
  for (const one of [bin, cwd]) mkdirSync(one);
  const program = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  program('agentq', `exec '${process.execPath}' '${PROGRAM}' "$@"`);
  if (python !== undefined && python !== 'python3') program('python3', `exec '${python}' "$@"`);
  const { PATH = '', HOME, TMPDIR } = process.env;
  return { cwd, env: { PATH: `${bin}:${PATH}`, HOME, TMPDIR, AGENTQ_URL: url } };
}

/** Starts a script in a new process group, which is killed after the test. */
function start(script: string, { cwd, env }: Place) {
  const child = spawn('/bin/sh', ['-eu', '-c', script], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // The whole process group has ended.
    }
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, ended };
}

/** Runs a script that must succeed. @returns its standard output */
async function runScript(script: string, where: Place): Promise<string> {
  const { child, ended } = start(script, where);
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  expect(code, out + err).toBe(0);
  return out;
}

describe('examples/two-machines', { timeout: SLOW }, () => {
  test('shares the tasks, and gives the abandoned task to another worker', async () => {
    const url = await urlOfNewHost('two-machines');
    const out = await runScript(`sh '${repo}/examples/two-machines/walk.sh'`, place(url));
    const counted = [...out.matchAll(/^(office|cellar): +(\d+) words$/gm)];
    expect(counted.length).toBeGreaterThan(4);
    expect(out).toMatch(/lease-expired/);
    expect(out).toContain('exit code 4');
    expect(out.match(/^counter +0 /m)).not.toBeNull();
    expect(out).not.toContain('guest');
  });

  test('names the missing variable without a broker', () => {
    const { status, stderr } = spawnSync('sh', [join(repo, 'examples/two-machines/walk.sh')], {
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    expect(status).not.toBe(0);
    expect(stderr).toContain('AGENTQ_URL');
  });
});

describe('examples/foreign-worker', { timeout: SLOW }, () => {
  const readme = readFileSync(join(repo, 'examples/foreign-worker/README.md'), 'utf8');

  test('every command of its README works unchanged', async ({ skip }) => {
    skip(...noPython);
    skip(...noTools);
    const where = place(await urlOfNewHost('readme'));
    const block = /^```sh\n([\s\S]*?)^```$/m.exec(readme)![1]!;
    expect(block).toMatch(/^export AGENTQ_URL=.*\n/);
    // Its workers continue after the script, so the output goes to files: a pipe would stay open.
    const script = block.replace(/^export AGENTQ_URL=.*\n/, '').replaceAll('examples/', `'${repo}'/examples/`);
    writeFileSync(join(where.cwd, 'block.sh'), script);
    const out = await runScript('sh -eu block.sh > out 2> err || { cat out err; exit 1; }; cat out', where);
    expect(out).toContain('5 words, counted by Python');
    expect(out).toMatch(/"task_id": ?"poem-.*"summary": ?"SAY IT LOUD"/);
    expect(out).toMatch(/"summary": ?"a poem about water"/);
  });

  test('its Python worker writes a result file, and a reason if it fails', async ({ skip }) => {
    skip(...noPython);
    const where = place(await urlOfNewHost('python'));
    await runScript('agentq init --store store --workers counter', where);
    start(`exec '${repo}/examples/foreign-worker/worker.py' counter store > /dev/null 2> worker.err`, where);
    const out = await runScript(
      `agentq submit --to counter --id a --instructions 'one two three'
       echo no context > b.md; agentq submit --to counter --id b --file b.md
       agentq wait a --timeout 60s
       agentq result a 2> warning
       agentq wait b --timeout 60s || echo "b ended with $?"
       agentq dlq
       agentq inbox --json`,
      where,
    );
    expect(out).toContain('3 words, counted by Python');
    expect(readFileSync(join(where.cwd, 'warning'), 'utf8')).toContain('has no recorded hash');
    expect(out).toContain('b ended with 6');
    expect(out).toMatch(/^b +failed +counter .*KeyError/m);
    expect(out).toMatch(/"task_id":"a".*"result_ref":"file:.*store\/results\/a\.md"/);
  });

  test('its Python worker continues after an invalid message', async ({ skip }) => {
    skip(...noPython);
    skip(...noTools);
    const where = place(await urlOfNewHost('garbage'));
    await runScript(
      `agentq init --workers counter; amqp-publish --url "$AGENTQ_URL" -r agentq.work.counter -b invalid`,
      where,
    );
    start(`exec '${repo}/examples/foreign-worker/worker.py' counter > /dev/null 2> worker.err`, where);
    const out = await runScript(
      'agentq submit --to counter --id a --instructions x; agentq wait a --timeout 60s; agentq result a',
      where,
    );
    expect(out).toContain('1 words');
    expect(readFileSync(join(where.cwd, 'worker.err'), 'utf8')).toContain('invalid');
  });

  test('its shell worker ends after the given number of tasks', async ({ skip }) => {
    skip(...noTools);
    const where = place(await urlOfNewHost('shell'));
    const out = await runScript(
      `agentq init --workers shouter
       agentq submit --to shouter --id a --instructions 'he said "loud"'
       agentq submit --to shouter --id b --instructions 'and $(echo louder)'
       '${repo}/examples/foreign-worker/worker.sh' shouter 2
       agentq wait a b --timeout 60s
       agentq result a; agentq result b`,
      where,
    );
    expect(out).toContain('HE SAID "LOUD"\nAND $(ECHO LOUDER)\n');
  });
});
