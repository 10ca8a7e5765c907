import { chmodSync } from 'node:fs';
import { expect } from 'vitest';
import { test } from './support/unprivileged.ts';

test('file modes restrict the programs of these tests', async ({ q }) => {
  const file = q.write('secret.md', 'x');
  chmodSync(file, 0);
  const { code, stderr } = await q.agentq('submit', '--to', 'r', '--file', file);
  expect({ code, stderr }).toEqual({ code: 12, stderr: expect.stringContaining('is not readable for this user') });
  const id = await q.submit();
  await q.workOff('id -u; exit 0');
  expect((await q.result(id)).content).toMatch(/^[1-9]\d*\n$/);
});
