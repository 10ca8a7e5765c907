import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { hasProc, type Program } from '../worker/harness.ts';
import { WITH_RESTARTS, newPassword, urlOf } from './private.ts';
import { type Machine, Site, SLOW } from './site.ts';

const PASSWORD = newPassword();

let broker: RabbitMq;
let site: Site;
let lead: Machine;

beforeAll(async () => {
  broker = await startRabbitMq();
  await broker.ctl('add_user', 'agent', PASSWORD);
  await broker.ctl('set_permissions', 'agent', '.*', '.*', '.*');
  site = new Site(urlOf(broker, 'agent', PASSWORD));
  lead = await site.machine('lead');
}, WITH_RESTARTS);

afterAll(async () => {
  await site.clear();
  await broker.stop();
});

/** The command line of a process, which every user of the machine can read. */
const commandLine = ({ pid }: Program) => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

describe('the password', { timeout: SLOW }, () => {
  test('is in no output of any command', async () => {
    const id = 'a';
    await lead.submit(id);
    await lead.submit('b', '--max-attempts', '1');
    const outputs: string[] = [];
    const commands = [
      ['init', '--store', site.store],
      ['init', '--store', site.store, '--dry-run'],
      ['init', '--store', site.store, '--definitions'],
      ['status'],
      ['status', id],
      ['show', id],
      ['list'],
      ['claim', '--as', 'r'],
      ['complete', id, '--from', 'r', '--summary', 'x'],
      ['fail', 'b', '--from', 'r', '--reason', 'x'],
      ['result', id],
      ['inbox'],
      ['dlq'],
      ['dlq', 'show', 'b'],
      ['doctor'],
      ['submit', '--to', 'painter', '--instructions', 'x'],
      ['submit', '--to', 'r', '--id', id, '--instructions', 'other'],
      ['status', 'nothing'],
      ['invalid'],
      ['--help'],
    ];
    for (const command of commands) {
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = await lead.run(...command, ...json);
        outputs.push(stdout + stderr);
      }
    }
    expect(outputs.join('').length).toBeGreaterThan(5_000);
    expect(outputs.filter((one) => one.includes(PASSWORD))).toEqual([]);
    for (const folder of ['tasks', 'results', 'artifacts'])
      expect(lead.files(folder).filter((name) => name.includes(PASSWORD))).toEqual([]);
  });

  test('is in no line of a worker whose broker refuses it', async () => {
    const url = new URL(site.url);
    url.username = 'no-such-user';
    for (const command of [['status'], ['work', '--as', 'r', '--until-empty', '--', 'true']]) {
      const { code, stdout, stderr } = await lead.with({ AGENTQ_URL: url.href }).run(...command);
      expect(code).toBe(26);
      expect(stdout + stderr).not.toContain(PASSWORD);
    }
  });

  test('is not on the command line of a worker that gets it from its environment', async ({ skip }) => {
    skip(!hasProc, 'the system does not show its processes');
    const worker = lead.work('tr "\\0" "\\n" < /proc/$$/cmdline > "$OUT/child"; touch "$OUT/ran"; until_there go');
    onTestFinished(() => worker.signal('SIGKILL'));
    await lead.submit('c');
    await site.lines('child');
    expect(commandLine(worker)).toContain('work');
    expect(commandLine(worker)).not.toContain(PASSWORD);
    expect(site.read('child')).not.toContain(PASSWORD);
    site.write('go');
    expect(await lead.wait('c')).toBe(0);
    expect(worker.stderr).not.toContain(PASSWORD);
    worker.signal('SIGTERM');
    await worker.finished();
  });

  for (const [how, option] of [
    ['as two arguments', (url: string) => ['--url', url]],
    ['as one argument', (url: string) => [`--url=${url}`]],
  ] as const) {
    test(`is removed from the command line of a command that gets it ${how}`, async ({ skip }) => {
      skip(!hasProc, 'the system does not show its processes');
      const bare = lead.with({ AGENTQ_URL: undefined });
      await lead.submit(`never-${how.replaceAll(' ', '-')}`, '--to', 's');
      const id = `never-${how.replaceAll(' ', '-')}`;
      const waiting = bare.start('wait', id, ...option(site.url));
      onTestFinished(() => waiting.signal('SIGKILL'));
      await expect.poll(() => commandLine(waiting), { timeout: SLOW }).toMatch(/^agentq\0*$/);
      expect(waiting.running).toBe(true);
    });
  }

  test('is in the environment of a child, so that it can call agentq', async () => {
    await lead.submit('d');
    await lead.workOff('agentq progress --percent 50 && echo reported');
    expect(await lead.ok('result', 'd')).toBe('reported');
  });

  test('on the command line of a worker is passed to its children', async () => {
    await lead.submit('e');
    const bare = lead.with({ AGENTQ_URL: undefined });
    await bare.workOff('agentq progress --percent 50 >&2 && echo reported', '--url', site.url);
    expect(await lead.wait('e')).toBe(0);
    expect(await lead.ok('result', 'e')).toBe('reported');
  });
});
