import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { PlainClient } from '../backend/support/plain-client.ts';
import { test } from './fixture.ts';
import { SLOW } from './site.ts';

describe('time', { timeout: SLOW }, () => {
  test('a delayed task can be claimed after its delay', async ({ cast: { lead, one } }) => {
    await lead.submit('a', '--delay', '1s');
    expect(await one.claim()).toMatchObject({ task_id: 'a', attempt: 1 });
    const events = await lead.events('a');
    const at = (type: string) => Date.parse(events.find((event) => event.type === type)!.at);
    expect(at('claimed') - at('submitted')).toBeGreaterThanOrEqual(1_000);
  });

  test('a waiting worker is woken by a delayed task', async ({ cast: { site, lead, two } }) => {
    const worker = two.work('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"');
    await lead.submit('a', '--delay', '1s');
    await lead.submit('b');
    expect(await lead.wait('a', 'b')).toBe(0);
    expect(site.read('ran').trim().split('\n').toSorted()).toEqual(['a', 'b']);
    worker.signal('SIGTERM');
    await worker.finished();
  });

  test('a task that is not claimed in time expires and is a dead letter', async ({ cast: { site, lead, one } }) => {
    await lead.submit('a', '--ttl', '5s');
    expect(await lead.wait('a')).toBe(7);
    expect(await lead.refused('result', 'a')).toMatchObject({ exit: 7 });
    await one.workOff('touch "$OUT/ran"');
    expect(site.has('ran')).toBe(false);
    expect(await one.json<Output<'dlq'>>('dlq')).toMatchObject({ tasks: [{ task_id: 'a', status: 'expired' }] });
    const client = await PlainClient.of(site);
    await expect.poll(() => client.count(site.names.deadLetters), { timeout: SLOW }).toBe(1);
    expect(await client.peek(site.names.deadLetters)).toMatchObject([
      { headers: { 'agentq-task-id': 'a', 'agentq-role': 'r', 'agentq-status': 'expired', 'agentq-attempts': 0 } },
    ]);
    expect((await lead.json<Output<'inbox'>>('inbox')).messages).toMatchObject([{ task_id: 'a', status: 'expired' }]);
    await lead.ok('dlq', 'retry', 'a');
    await one.workOff('touch "$OUT/ran"');
    expect(await lead.wait('a')).toBe(0);
    expect(site.has('ran')).toBe(true);
  });

  test('tasks are run by priority and then by age', async ({ cast: { site, lead, one } }) => {
    for (const [id, priority] of [
      ['low', 'low'],
      ['first', 'normal'],
      ['second', 'normal'],
      ['high', 'high'],
    ] as const) {
      await lead.submit(id, '--priority', priority);
    }
    await one.workOff('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"');
    expect(site.read('ran')).toBe('high\nfirst\nsecond\nlow\n');
  });

  test('a failed task gets another attempt after its backoff', async ({ cast: { lead, one, two } }) => {
    await lead.submit('a');
    const script = '[ "$AGENTQ_ATTEMPT" = 3 ] || { echo "not yet" >&2; exit 1; }; echo now';
    await Promise.all([one, two].map((machine) => machine.workOff(script)));
    expect(await lead.wait('a')).toBe(0);
    expect((await lead.task('a')).attempts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['failed', 'exit 1: not yet'],
      ['failed', 'exit 1: not yet'],
      ['completed', undefined],
    ]);
  });
});
