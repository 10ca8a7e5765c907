import { describe, expect, test as base } from 'vitest';
import { type Running, type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const watch = (q: Shell, ...more: string[]) => q.start('status', '--watch', '--interval', '1ms', ...more);

/** Waits until the output so far contains a text. */
const shows = ({ output }: Running, text: string | RegExp) =>
  expect.poll(output, { timeout: 60_000 }).toMatch(text instanceof RegExp ? text : new RegExp(text));

describe('status --watch', () => {
  test('prints the overview again when it has changed, below a line with the time', async ({ q }) => {
    await q.submit('a');
    const running = watch(q);
    await shows(running, /^--- 2027-03-01T12:00:00.000Z\nROLE .*\nr +1 /);
    q.advance(60);
    await q.claim('--worker', 'one');
    await shows(running, /--- 2027-03-01T12:01:00.000Z\nROLE .*\nr +0 .*\n\nWORKING .*\na +one /);
    await q.ok('progress', 'a', '--percent', '40', '--note', 'reading');
    await shows(running, 'reading');
    await q.ok('fail', 'a', '--from', 'r', '--reason', 'no');
    await shows(running, '1 dead letter: agentq dlq');
    running.signal();
    const { code, stdout, stderr } = await running.done;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('\u001b');
    expect(stdout.match(/^---/gm)!.length).toBeGreaterThanOrEqual(4);
  });

  test('does not repeat an overview of which only the ages have changed', async ({ q }) => {
    await q.submit('a');
    await q.claim('--worker', 'one');
    const running = watch(q);
    await shows(running, 'one');
    for (let i = 0; i < 3; i++) {
      q.advance(30);
      await q.ok('progress', 'a');
    }
    await q.submit('b');
    await shows(running, /r +1 /);
    running.signal();
    expect((await running.done).stdout.match(/^---/gm)!.length).toBe(2);
  });

  test('redraws on a terminal, cut to its lines', async ({ q }) => {
    for (let role = 0; role < 30; role++) await q.ok('submit', '--to', `role-${role}`, '--instructions', 'x');
    const running = watch(q.with({ tty: true, columns: 80, rows: 10, env: { NO_COLOR: '1' } }));
    await shows(running, 'more lines');
    await q.submit('t', '--to', 'another');
    await shows(running, /\u001b\[J[^]*\u001b\[H/);
    running.signal();
    const { code, stdout } = await running.done;
    expect(code).toBe(0);
    const [first, second] = stdout.split('\u001b[H').slice(1);
    expect(stdout.startsWith('\u001b[2J\u001b[H')).toBe(true);
    expect(first!.split('\n')).toHaveLength(10);
    expect(first).toContain('… 23 more lines\u001b[K\n\u001b[J');
    expect(second).toContain('… 24 more lines\u001b[K\n\u001b[J');
  });

  test('prints blocks on a dumb terminal', async ({ q }) => {
    await q.submit('a');
    const running = watch(q.with({ tty: true, columns: 60, env: { TERM: 'dumb' } }));
    await shows(running, /^--- /);
    running.signal();
    expect((await running.done).stdout).not.toContain('\u001b');
  });

  test('--json prints one object in a line for each change', async ({ q }) => {
    const running = watch(q, '--json');
    await shows(running, '"roles":\\[\\]');
    await q.submit('a');
    await shows(running, '"queued":1');
    await q.claim('--worker', 'one');
    await shows(running, '"working":1');
    running.signal();
    const { code, stdout } = await running.done;
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ roles }) => roles[0]?.tasks.working)).toEqual([undefined, 0, 1]);
  });

  test('is refused for one task, and --interval without it', async ({ q }) => {
    await q.submit('a');
    expect(await q.refused('status', 'a', '--watch')).toMatchObject({ exit: 2, hint: 'agentq wait a' });
    expect(await q.refused('status', '--interval', '2s')).toMatchObject({ exit: 2 });
  });
});
