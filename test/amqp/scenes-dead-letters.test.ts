import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { PlainClient } from '../backend/support/plain-client.ts';
import { test } from './fixture.ts';
import { SLOW } from './site.ts';

const dead = ({ tasks }: Output<'dlq'>) => tasks.map(({ task_id }) => task_id);

describe('dead letters', { timeout: SLOW }, () => {
  test('contain the reason and the log of every attempt, on every machine', async ({ cast: { lead, one, two } }) => {
    await lead.submit('a', '--max-attempts', '2');
    await one.workOff('echo "out of paper in attempt $AGENTQ_ATTEMPT" >&2; exit 3');
    expect(await lead.wait('a')).toBe(6);
    expect(await lead.refused('result', 'a')).toMatchObject({ exit: 6 });
    expect(await two.ok('dlq')).toMatch(/\na +failed +r +2 .*exit 3: out of paper/);
    const shown = await lead.ok('dlq', 'show', 'a');
    expect(shown).toContain('exit 3: out of paper in attempt 1');
    expect(shown).toContain('exit 3: out of paper in attempt 2');
    expect(shown).toMatch(/log: \S+\/store\/artifacts\/a\/1\/log\.txt/);
  });

  test('are in their queue as envelopes with the reason in the headers', async ({ cast: { site, lead, one } }) => {
    await lead.submit('a');
    await one.ok('fail', 'a', '--from', 'r', '--reason', 'could not reproduce it');
    const client = await PlainClient.of(site);
    const [letter, ...others] = await client.peek(site.names.deadLetters);
    expect(others).toEqual([]);
    expect(JSON.parse(letter!.text)).toMatchObject({ task_id: 'a', to: 'r', instructions: 'do a' });
    expect(letter!.headers).toMatchObject({
      'agentq-task-id': 'a',
      'agentq-role': 'r',
      'agentq-reason': 'could not reproduce it',
      'agentq-status': 'failed',
      'agentq-attempts': 1,
    });
  });

  test('can be retried from any machine, and leave their queue', async ({ cast: { site, lead, one, two } }) => {
    await lead.submit('a');
    await lead.submit('b');
    for (const id of ['a', 'b']) await one.ok('fail', id, '--from', 'r', '--reason', 'no');
    const client = await PlainClient.of(site);
    expect(await client.count(site.names.deadLetters)).toBe(2);
    expect(await two.ok('dlq', 'retry', 'a')).toBe('a queued');
    expect(await client.count(site.names.deadLetters)).toBe(1);
    await one.workOff('echo better');
    expect(await lead.wait('a')).toBe(0);
    expect(await lead.ok('result', 'a')).toBe('better');
    expect(dead(await lead.json('dlq'))).toEqual(['b']);
    await lead.ok('dlq', 'purge', '--all');
    expect(dead(await two.json('dlq'))).toEqual([]);
    expect(await client.count(site.names.deadLetters)).toBe(0);
    expect(await lead.task('b')).toMatchObject({ status: 'failed', dismissed_at: expect.any(String) });
  });

  test('contain invalid messages unchanged, and workers continue after those', async ({
    cast: { site, lead, one },
  }) => {
    const client = await PlainClient.of(site);
    const worker = one.work('echo fine');
    const garbage = Buffer.from('gar\u0000bage \xff\xfe {"task_id":', 'latin1');
    await client.put(site.names.work('r'), garbage);
    await client.put(site.names.work('r'), { task_id: '../../etc/passwd', to: 'r', instructions: 'x' });
    await client.put(site.names.work('r'), { task_id: 'stray', to: 's', instructions: 'x' });
    await lead.submit('a');
    expect(await lead.wait('a')).toBe(0);
    expect(worker.running).toBe(true);
    const listed = async () => (await lead.json<Output<'dlq'>>('dlq')).tasks;
    await expect.poll(listed, { timeout: SLOW }).toHaveLength(3);
    const tasks = await listed();
    for (const { task_id, type, reason } of tasks) {
      expect(task_id).toMatch(/^unreadable-[0-9a-f]{12}$/);
      expect(type).toBe('unreadable');
      expect(reason).toContain(site.names.work('r'));
    }
    const shown = await Promise.all(tasks.map(({ task_id }) => lead.ok('dlq', 'show', task_id)));
    expect(shown.filter((text) => text.includes(String.raw`gar\x00bage \xff\xfe {"task_id":`))).toHaveLength(1);
    expect(shown.filter((text) => text.includes('../../etc/passwd'))).toHaveLength(1);
    const letters = await client.peek(site.names.deadLetters);
    expect(letters.some(({ content }) => content.equals(garbage))).toBe(true);
    worker.signal('SIGTERM');
    await worker.finished();
  });
});
