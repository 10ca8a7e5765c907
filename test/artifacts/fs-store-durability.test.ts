import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../backend/support/scratch.ts';
import { type Call, isPrint, isSync, pathOf, trace, untraceable } from '../backend/support/trace.ts';

const KEEP = new URL('processes/keep.ts', import.meta.url);

/** Where in the trace the path is synced after `from`, before the process said that it was done; -1 if nowhere. */
function syncOf(calls: readonly Call[], path: string, from = 0): number {
  const said = calls.findIndex(isPrint);
  return calls.findIndex((call, n) => n >= from && n < said && isSync(call) && pathOf(call) === path);
}

// No power can be cut here. But what the system was told to write, and in which order, can be seen.
describe.skipIf(untraceable !== undefined)(`evidence that was said to be kept (${untraceable ?? 'traced'})`, () => {
  test('was whole on the disk before it had its name, and so was its name before that was said', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    const calls = trace(KEEP, 'put', root, 'results/a.md');
    const written = calls.findIndex((call) => call.name === 'write' && pathOf(call)?.includes('.agentq-tmp-'));
    const link = calls.findIndex((call) => call.name.startsWith('link') && call.args.includes('results/a.md'));
    const synced = calls.findIndex((call) => isSync(call) && pathOf(call) === pathOf(calls[written]!));
    expect(written).toBeGreaterThanOrEqual(0);
    expect(synced).toBeGreaterThan(written);
    expect(link).toBeGreaterThan(synced);
    expect(syncOf(calls, join(root, 'results'), link)).toBeGreaterThan(link);
    // The folder is new as well.
    expect(syncOf(calls, root)).toBeGreaterThan(0);
  });

  test('is on the disk with its name also where somebody else had just stored the same', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    trace(KEEP, 'put', root, 'results/a.md');
    // Whoever stored it may not have got as far as to sync it, nor its name, nor that of the folder.
    const calls = trace(KEEP, 'put', root, 'results/a.md');
    expect(syncOf(calls, join(root, 'results/a.md'))).toBeGreaterThan(0);
    expect(syncOf(calls, join(root, 'results'))).toBeGreaterThan(0);
  });

  test('is on the disk with its name and its folders where those had been prepared for a worker', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    mkdirSync(join(root, 'artifacts'), { recursive: true });
    const calls = trace(KEEP, 'prepare and put', root, 'artifacts/t/1/log.md');
    for (const folder of ['artifacts/t/1', 'artifacts/t', 'artifacts']) {
      expect([folder, syncOf(calls, join(root, folder)) > 0]).toEqual([folder, true]);
    }
  });

  test('is on the disk with its name and its folders where it was adopted', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    mkdirSync(join(root, 'artifacts'), { recursive: true });
    const calls = trace(KEEP, 'adopt', root, 'artifacts/t/1');
    const path = join(root, 'artifacts/t/1/found.md');
    for (let name = path; name !== join(root, 'artifacts'); name = dirname(name)) {
      expect([dirname(name), syncOf(calls, dirname(name)) > 0]).toEqual([dirname(name), true]);
    }
    expect(syncOf(calls, path)).toBeGreaterThan(0);
  });
});
