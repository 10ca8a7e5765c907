import { setTimeout as pause } from 'node:timers/promises';
import stringWidth from 'string-width';
import { describe, expect, onTestFinished, test as base } from 'vitest';
import type { Services } from '../../../src/app/workspace/services.ts';
import { Controller, type Display } from '../../../src/cli/top/controller.ts';
import { textOf } from '../../../src/cli/top/line.ts';
import { openServices } from '../../hostile/support/services.ts';
import { fixtures, type Shell, type Shells } from '../harness.ts';

const test = base.extend<Shells>(fixtures);

/** A live view on a real queue. The calls of the backend are counted. */
async function open(q: Shell) {
  const { backend, ...others } = await openServices(q.path('.agentq'));
  const calls: string[] = [];
  const counted = new Proxy(backend, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  const services: Services = { ...others, backend: counted };
  let screen = '';
  const display: Display = {
    size: { columns: 100, rows: 30 },
    draw: (lines) => void (screen = lines.map(textOf).join('\n')),
    suspend: () => {},
  };
  const controller = new Controller(services, display, stringWidth, { cancel: 'canceller', retry: 'retrier' });
  const end = new AbortController();
  const ended = controller.run(end.signal);
  onTestFinished(async () => {
    end.abort();
    await ended;
    await backend.close();
  });
  const shows = async (text: string | RegExp) => {
    const holds = () => (typeof text === 'string' ? screen.includes(text) : text.test(screen));
    for (const deadline = Date.now() + 30_000; !holds(); await pause(10))
      if (Date.now() > deadline) throw new Error(`it does not show ${text}:\n${screen}`);
    return screen;
  };
  const press = (...keys: readonly string[]) => {
    for (const key of keys) controller.send({ type: 'key', key });
  };
  return { calls, shows, press, ended, screen: () => screen };
}

/** Waits until no call was made for longer than the controller puts off a read. */
async function quiet(calls: readonly string[]): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (let before = -1; before !== calls.length;) {
    if (Date.now() > deadline) throw new Error(`it goes on reading: ${calls.slice(-10).join(' ')}`);
    before = calls.length;
    await pause(1_000);
  }
}

describe('the live view', () => {
  test('reads nothing while nothing changes, although the ages on it change', async ({ q }) => {
    q.clock.now = Date.now();
    await q.submit('t');
    await q.claim();
    const view = await open(q);
    await view.shows('1 working');
    await quiet(view.calls);
    const [before, calls] = [view.screen(), view.calls.length];
    await expect.poll(view.screen, { timeout: 30_000 }).not.toBe(before);
    expect(view.calls.slice(calls)).toEqual([]);
    await q.ok('progress', 't', '--from', 'r', '--percent', '10');
    await view.shows('10%');
  });

  test('reads once for many changes at once', async ({ q }) => {
    const view = await open(q);
    await view.shows('nothing has been submitted yet');
    await quiet(view.calls);
    const calls = view.calls.length;
    const rows = Array.from({ length: 300 }, (_, i) => JSON.stringify({ to: 'r', instructions: `x ${i}` }));
    q.write('rows.jsonl', rows.join('\n'));
    await q.ok('submit', '--batch', 'rows.jsonl');
    await view.shows('300 queued');
    await quiet(view.calls);
    const reads = view.calls.slice(calls).filter((name) => name === 'counts').length;
    expect(reads).toBeLessThan(5);
  });

  test('shows why an action was refused, and goes on', async ({ q }) => {
    await q.submit('t');
    await q.submit('done');
    await q.ok('complete', 'done', '--from', 'r', '--summary', 'x');
    const view = await open(q);
    await view.shows('1 queued');
    view.press('down', 'r');
    await view.shows('t is queued: only failed');
    view.press('c', 'y');
    await view.shows('t is cancelled');
    expect(await q.task('t')).toMatchObject({ status: 'cancelled', cancelled_by: 'canceller' });
    await view.shows('0 queued');
    await q.submit('next');
    await view.shows('1 queued');
  });

  test('ends when the user quits', async ({ q }) => {
    const view = await open(q);
    view.press('q');
    await view.ended;
  });
});
