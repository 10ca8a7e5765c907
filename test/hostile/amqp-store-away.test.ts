import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { bareTest as test } from '../amqp/fixture.ts';
import { ROLES, SLOW } from '../amqp/site.ts';

const idIn = (path: string) => (JSON.parse(readFileSync(path, 'utf8')) as { id: string }).id;

describe('a second machine', { timeout: SLOW }, () => {
  test('uses the store that exists at its place', async ({ site }) => {
    const lead = await site.machine('lead');
    const one = await site.machine('one');
    const ids = [lead.path('.agentq/store.json'), one.path('.agentq/store.json'), `${site.store}/.agentq-store`];
    expect(new Set(ids.map(idIn)).size).toBe(1);
  });

  test('that was set up while its disk was not mounted returns tasks, and doctor reports the wrong store', async ({
    site,
  }) => {
    const lead = await site.machine('lead');
    for (const id of ['a', 'b']) {
      writeFileSync(lead.path('context.md'), `context of ${id}`);
      await lead.ok('submit', '--to', 'r', '--id', id, '--file', 'context.md');
    }
    const one = site.bare('one');
    const mountPoint = site.path('mount-point');
    await one.ok('init', '--store', mountPoint, '--workers', ROLES.join());
    const { code, stderr } = await one.work('cat', '--until-empty').ended;
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('was recorded in another store') });
    expect(await lead.task('a')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
    expect((await one.run('doctor')).stdout).toContain('is it the right store?');

    rmSync(mountPoint, { recursive: true });
    symlinkSync(site.store, mountPoint);
    expect((await one.refused('complete', 'a', '--from', 'r', '--attempt', '1', '--summary', 'x')).code).toBe(
      'storage',
    );
    await one.ok('init');
    await one.workOff('cat', '--brief-only');
    expect(await lead.ok('result', 'a')).toBe('context of a');
  });
});
