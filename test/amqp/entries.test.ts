import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect } from 'vitest';
import { test } from './fixture.ts';
import { type Machine, SLOW } from './site.ts';

/** The offset of the last entry of the log that a machine reads now. */
async function endOfLog(machine: Machine): Promise<number> {
  await machine.ok('list');
  const dir = join(machine.folder, '.agentq');
  using db = new DatabaseSync(
    join(
      dir,
      readdirSync(dir).find((name) => /^cache-.*\.db$/.test(name))!,
    ),
  );
  return (db.prepare('SELECT last FROM log').get() as { last: number }).last;
}

describe('the log', { timeout: SLOW }, () => {
  test('gets three entries for each task of a worker', async ({ cast: { lead, one } }) => {
    const tasks = 12;
    for (let task = 0; task < tasks; task++) await lead.submit(`t${task}`);
    const before = await endOfLog(lead);
    await one.workOff('echo done');
    const written = (await endOfLog(lead)) - before;
    // `claimed`, `completed` and the result message, and a few for the start and the end of the worker.
    expect(written).toBeGreaterThanOrEqual(3 * tasks);
    expect(written).toBeLessThan(3 * tasks + tasks);
  });
});
