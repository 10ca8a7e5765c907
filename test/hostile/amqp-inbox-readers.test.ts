import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { test } from '../amqp/fixture.ts';
import { type Machine, SLOW } from '../amqp/site.ts';
import { until } from '../worker/harness.ts';
import { idsIn, killReader, LONG_SUMMARY } from './support/inbox-reader.ts';
import { runOnFullDisk, runUnread } from './support/program.ts';

/** Completes this many tasks, so that their messages wait. @returns their ids */
async function completed(lead: Machine, count: number, summary = 'done'): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `t${n}`);
  lead.site.write('lead/rows.jsonl', ids.map((task_id) => JSON.stringify({ task_id, instructions: 'x' })).join('\n'));
  await lead.ok('submit', '--batch', 'rows.jsonl', '--to', 'r');
  await Promise.all(ids.map((id) => lead.ok('complete', id, '--from', 'r', '--summary', summary)));
  return ids;
}

const optionsOf = (lead: Machine) => ({
  cwd: lead.folder,
  env: { PATH: process.env['PATH'], AGENTQ_URL: lead.site.url },
});

describe('the inbox of a broker', { timeout: SLOW }, () => {
  test('shows each message to exactly one of four readers', async ({ cast: { lead, one } }) => {
    const ids = await completed(lead, 12);
    const shown: string[] = [];
    while (shown.length < ids.length) {
      const readers = await Promise.all(
        [lead, one, lead, one].map((machine) => machine.run('inbox', '--json', '--limit', '2')),
      );
      for (const { code } of readers) expect(code).toBeOneOf([0, 9]);
      shown.push(...idsIn(readers.map(({ stdout }) => stdout)));
    }
    expect(shown.toSorted()).toEqual(ids.toSorted());
    expect(await lead.code('inbox')).toBe(9);
  });

  test('shows messages again after a reader closed its output or its disk was full', async ({ cast: { lead } }) => {
    const ids = await completed(lead, 3);
    expect((await runUnread(optionsOf(lead), 'inbox')).code).toBe(0);
    expect(idsIn([await lead.ok('inbox', '--json', '--keep')]).toSorted()).toEqual(ids);
    if (existsSync('/dev/full')) expect((await runOnFullDisk(optionsOf(lead), 'inbox')).code).toBe(22);
    expect(idsIn([await lead.ok('inbox', '--json')]).toSorted()).toEqual(ids);
    expect(await lead.code('inbox')).toBe(9);
  });

  test('shows messages again after their reader was killed', async ({ cast: { lead, one } }) => {
    const ids = await completed(lead, 12, LONG_SUMMARY);
    await killReader(optionsOf(lead));
    const shown: string[] = [];
    await until('all messages to be shown again', async () => {
      const { stdout } = await one.run('inbox', '--json');
      shown.push(...idsIn([stdout]));
      return shown.length >= ids.length;
    });
    expect(shown.toSorted()).toEqual(ids.toSorted());
  });
});
