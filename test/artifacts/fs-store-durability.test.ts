import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchFolder } from '../backend/support/scratch.ts';
import { type Call, isPrint, isSync, pathOf, trace, untraceable } from '../backend/support/trace.ts';

const KEEP = new URL('processes/keep.ts', import.meta.url);

/** The position in the trace at which the path is synced, after `from` and before the process prints; -1 if none. */
function syncOf(calls: readonly Call[], path: string, from = 0): number {
  const printed = calls.findIndex(isPrint);
  return calls.findIndex((call, n) => n >= from && n < printed && isSync(call) && pathOf(call) === path);
}

// A test cannot cut the power. It checks the order of the system calls.
describe.skipIf(untraceable !== undefined)(`stored evidence (${untraceable ?? 'traced'})`, () => {
  test('is synced before it gets its name, and the name is synced before the store reports it', () => {
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
    // The folder is new too.
    expect(syncOf(calls, root)).toBeGreaterThan(0);
  });

  test('is synced with its name also if another process had just stored the same file', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    trace(KEEP, 'put', root, 'results/a.md');
    // The other process may not have synced the file, its name and its folder yet.
    const calls = trace(KEEP, 'put', root, 'results/a.md');
    expect(syncOf(calls, join(root, 'results/a.md'))).toBeGreaterThan(0);
    expect(syncOf(calls, join(root, 'results'))).toBeGreaterThan(0);
  });

  test('is synced with its name and its folders if the folders were prepared for a worker', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'tasks'));
    mkdirSync(join(root, 'artifacts'), { recursive: true });
    const calls = trace(KEEP, 'prepare and put', root, 'artifacts/t/1/log.md');
    for (const folder of ['artifacts/t/1', 'artifacts/t', 'artifacts']) {
      expect([folder, syncOf(calls, join(root, folder)) > 0]).toEqual([folder, true]);
    }
  });

  test('is synced with its name and its folders if it was recorded at its place', () => {
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
