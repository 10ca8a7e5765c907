import { expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

test('edit changes priority, instructions, TTL and role of a task that no worker has begun', async ({ q }) => {
  await q.submit('t', '--delay', '1h');
  expect(await q.ok('edit', 't', '--priority', 'high', '--ttl', '5m', '--reason', 'it is urgent')).toBe('t edited');
  expect(await q.ok('edit', 't', '--priority', 'high')).toBe('t unchanged: it has these values already');
  expect(await q.json('edit', 't', '--to', 's', '--from', 'boss')).toEqual({
    task_id: 't',
    status: 'scheduled',
    changed: true,
  });
  const latin = q.with({ stdin: Buffer.from('caf\xe9', 'latin1') });
  expect(await latin.refused('edit', 't', '--instructions', '-')).toMatchObject({ code: 'unreadable-file' });
  await q.with({ stdin: 'do it\nwell' }).ok('edit', 't', '--instructions', '-');
  const shown = await q.ok('show', 't');
  expect(shown).toMatch(/edited .*by coordinator: priority normal -> high, ttl_seconds none -> 300; it is urgent/);
  expect(shown).toMatch(/by boss: to r -> s/);
  expect((await q.json('show', 't')).envelope).toMatchObject({
    to: 's',
    instructions: 'do it\nwell',
    ttl_seconds: 300,
  });
  // A coordinator may repeat its submit.
  expect(await q.json('submit', '--to', 'r', '--id', 't', '--instructions', 'do t', '--delay', '1h')).toMatchObject({
    created: false,
  });
  q.advance(3600);
  expect((await q.run('claim', '--as', 'r')).code).toBe(9);
  expect(await q.json('claim', '--as', 's')).toMatchObject({ task_id: 't', priority: 'high' });
  expect(await q.refused('edit', 't', '--priority', 'low')).toMatchObject({
    exit: 4,
    hint: 'cancel it and submit another: agentq cancel t',
  });
});

test('edit checks its values as submit does', async ({ q }) => {
  await q.submit('t');
  for (const [exit, ...args] of [
    [2],
    [2, '--priority', 'urgent'],
    [2, '--ttl', '0'],
    [2, '--instructions', ' '],
    [11, '--to', 'a/b'],
    [13, '--instructions', 'x'.repeat(70_000)],
    [17, '--instructions', `the key is ${['AKIA', 'ABCDEFGHIJKLMNOP'].join('')}`],
    [17, '--priority', 'low', '--reason', `the key is ${['AKIA', 'ABCDEFGHIJKLMNOP'].join('')}`],
  ] as const) {
    expect((await q.refused('edit', 't', ...args)).exit).toBe(exit);
  }
  expect((await q.refused('edit', 'none', '--priority', 'low')).exit).toBe(3);
  expect((await q.json('show', 't')).events).toHaveLength(1);
  q.write('.agentq/config.json', JSON.stringify({ version: 1, roles_only: true, roles: { r: {} } }));
  expect((await q.refused('edit', 't', '--to', 'other')).message).toMatch(/other is not a role/);
});

test('a new role brings its own number of attempts', async ({ q }) => {
  q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { s: { max_attempts: 7 } } }));
  await q.submit('t');
  await q.ok('edit', 't', '--to', 's');
  expect((await q.task('t')).max_attempts).toBe(7);
});
