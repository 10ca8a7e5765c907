import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { test } from '../amqp/fixture.ts';

test('a submit or a batch to an undeclared role leaves no context in the store', async ({ cast: { site, lead } }) => {
  site.write('context.md', 'background');
  const file = ['--file', site.path('context.md')];
  expect((await lead.refused('submit', '--to', 'no-such-role', ...file)).code).toBe('topology');
  expect((await lead.refused('submit', '--to', 'no-such-role', '--id', 'named', ...file)).code).toBe('topology');
  const rows = ['r', 'no-such-role', 'r'].map((to) => JSON.stringify({ to, type: 'x', file: site.path('context.md') }));
  await lead.refused('submit', '--batch', site.write('batch.jsonl', rows.join('\n')));
  expect(readdirSync(`${site.store}/tasks`)).toEqual([]);
  expect((await lead.json('list')).tasks).toEqual([]);
});
