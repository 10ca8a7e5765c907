import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ForegroundRabbitMq, foregroundRabbitMq } from '../broker/foreground-rabbitmq.ts';
import { answersAmqp } from '../broker/handshake.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const blocks = [...readFileSync(join(repo, 'README.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, block]) => block!,
);

/**
 * The programs that the commands of the README call in this test: the built program with the URL of the broker; npm
 * without the steps that run this test; an agent that reads its task and writes the expected artifacts.
 */
const shims = ({ url, ctl }: ForegroundRabbitMq) => ({
  agentq: `case "$1" in torture) set -- torture --seconds 2 --workers 2;; esac
[ -z "\${AGENTQ_URL:-}" ] || export AGENTQ_URL='${url}'
exec "${process.execPath}" "${join(repo, 'bin/agentq.cjs')}" "$@"`,
  rabbitmqctl: `exec ${ctl} "$@"`,
  npm: `case "$*" in ci|test) exit 0;; "run demo") exec sh "${join(repo, 'examples/first-minute/demo.sh')}";; esac
echo "the README calls npm $*, which no test has seen" >&2; exit 1`,
  claude: `cat; echo patch > "$AGENTQ_ARTIFACTS_DIR/patch.diff"; echo done > "$AGENTQ_ARTIFACTS_DIR/summary.md"`,
});

const files = {
  'task.md': '# Implement it\n',
  'review.md': '# Two risks\n',
  'tasks.jsonl':
    '{"to":"implementation-worker","instructions":"one"}\n{"to":"implementation-worker","instructions":"two"}\n',
};

/** How long the broker may take to start, in ms. */
const BOOT = 50_000;

let home: string;
let cwd: string;
let broker: ForegroundRabbitMq;
let running: ChildProcess;

beforeAll(async () => {
  broker = await foregroundRabbitMq();
  running = spawn('/bin/sh', ['-c', `exec ${broker.command}`], { detached: true, stdio: 'ignore' });
  const port = Number(new URL(broker.url).port);
  for (const end = Date.now() + BOOT; !(await answersAmqp(port)) && Date.now() < end;) await pause(200);
  home = mkdtempSync(join(tmpdir(), 'agentq-readme-'));
  cwd = join(home, 'project');
  mkdirSync(join(home, 'bin'));
  mkdirSync(cwd);
  for (const [name, script] of Object.entries(shims(broker))) {
    writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(home, 'bin', name), 0o755);
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
});

afterAll(async () => {
  const gone = once(running, 'exit');
  process.kill(-running.pid!, 'SIGKILL');
  await gone;
  broker.remove();
  rmSync(home, { recursive: true, force: true });
});

function shell(script: string): { done: Promise<{ code: number | null; output: string }>; kill: () => void } {
  const PATH = `${join(home, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`;
  const child = spawn('/bin/sh', ['-eux', '-c', script], {
    cwd,
    env: { HOME: home, PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const done = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, output })),
  );
  return { done, kill: () => void child.kill() };
}

test('every command of the README works unchanged, one after the other', { timeout: 400_000 }, async () => {
  expect(blocks.length).toBeGreaterThan(8);
  const script = shell(blocks.join('\n'));
  const ended = new AbortController();
  const finished = script.done.finally(() => ended.abort());
  // The coordinator of the README waits for a worker, which the reader starts in another terminal.
  while (!existsSync(join(cwd, '.agentq', 'agentq.db')) && !ended.signal.aborted) {
    await pause(50, undefined, { signal: ended.signal }).catch(() => {});
  }
  const worker = shell('exec agentq work --as implementation-worker -- claude');
  const { code, output } = await finished;
  worker.kill();
  await worker.done;
  expect(code, output.slice(-3_000)).toBe(0);
  expect(output).toContain('# Review');
  expect(output).toContain('no parser in the world reads this');
  expect(output.match(/stale accepted\s+0/g)).toHaveLength(2);
  expect(output).toMatch(/RabbitMQ [\d.]+ at/);
});
