import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const PROGRAM = join(import.meta.dirname, '../../bin/agentq.cjs');

/** Runs each line of its input in a new shell, as agents do, and prints what the shell wrote to standard error. */
const AGENT = `
  const { spawnSync } = require('node:child_process');
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    console.log(JSON.stringify(stderr));
  });`;

/** An agent that lives as long as the test, or until it ends. */
class Agent {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(q: Shell, env: Readonly<Record<string, string>> = {}) {
    const { AGENTQ_AGENT: _none, ...inherited } = process.env;
    this.#child = spawn(process.execPath, ['-e', AGENT], {
      cwd: q.cwd,
      env: { ...inherited, NODE: process.execPath, PROGRAM, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // An agent that has ended gives no answer: the test fails there.
    this.#child.stdin!.on('error', () => {});
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** @returns what the command lines print on standard error */
  async run(script: string): Promise<string> {
    this.#child.stdin!.write(`agentq() { "$NODE" "$PROGRAM" "$@"; }; ${script}\n`);
    const { value } = await this.#answers.next();
    return JSON.parse(value as string) as string;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

const SUBMIT = 'agentq submit --to r --instructions x';

const warningOf = ({ pid }: Agent) =>
  `agentq: warning: another agent (process ${pid}) uses the name coordinator here too: ` +
  'its results come to the same inbox; set AGENTQ_AGENT=NAME for each agent\n';

describe.skipIf(!existsSync('/proc/self/stat'))('two agents of the default name', () => {
  test('are each warned once, and one agent with many shells is not', async ({ q, onTestFinished }) => {
    const one = new Agent(q);
    const two = new Agent(q);
    const named = new Agent(q, { AGENTQ_AGENT: 'reviewer' });
    onTestFinished(async () => void (await Promise.all([one, two, named].map((agent) => agent.end()))));
    const plain = '"$NODE" "$PROGRAM" submit --to r --instructions x';
    expect(await one.run(`${SUBMIT} --id a; sh -c '${plain}; true'; timeout 60 ${plain}`)).toBe('');
    expect(await one.run(`nohup sh -c '${plain}; sleep 3' > /dev/null 2> /dev/null & ${SUBMIT}`)).toBe('');
    expect(await named.run(`${SUBMIT}; agentq inbox --keep`)).toBe('');
    await q.ok('complete', 'a', '--from', 'r', '--summary', 's');
    expect(await two.run('agentq inbox')).toBe(warningOf(one));
    expect(await two.run(SUBMIT)).toBe('');
    expect(await one.run(`${SUBMIT}; ${SUBMIT} --json`)).toBe(warningOf(two));
    expect(await one.run(SUBMIT)).toBe('');
    await one.end();
    await two.end();
    const next = new Agent(q);
    expect(await next.run(SUBMIT)).toBe('');
    // The command behind nohup may have lost its shell. Its agent is then the process that takes in orphans.
    const noted = new Set(readdirSync(q.path('.agentq/sessions')).map(Number));
    expect([one, two, named, next].filter(({ pid }) => noted.has(pid))).toEqual([next]);
    await next.end();
  });
});
