import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, beforeAll, describe, expect, test as base } from 'vitest';
import { printTable } from '../../../src/cli/output/table.ts';
import { longId, prepare, reason, role, wide } from './long-names.ts';
import { type Ran, SCRATCH, Shell, type Shells, fixtures } from '../harness.ts';

let prepared: string;
beforeAll(async () => {
  prepared = mkdtempSync(join(SCRATCH, 'agentq-widths-'));
  await prepare(new Shell(prepared));
});
afterAll(() => rmSync(prepared, { recursive: true, force: true }));

const test = base.extend<Shells>({
  ...fixtures,
  q: async ({ bare }, use) => {
    cpSync(prepared, bare.cwd, { recursive: true });
    bare.advance(100);
    await use(bare);
  },
});

/** The lines that the terminal would break, without those that are one word that is too long. */
function tooWide({ stdout, stderr }: Ran, columns: number): string[] {
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => stringWidth(line) > columns)
    .filter(
      (line) =>
        !line
          .trim()
          .split(/ +/)
          .some((word) => stringWidth(word) > columns - 11),
    );
}

const views = [
  ['status'],
  ['list'],
  ['dlq'],
  ['dlq', 'show', 'task-failed471123'],
  ['inbox', '--keep'],
  ['doctor'],
  ['status', '--stuck'],
  ['list', '--stuck'],
  ['stats'],
  ['stats', '--by', 'worker'],
  ['policy', 'show'],
  ['brief'],
  ['guide', 'worker'],
  ['note'],
  ['result', 'task-cancelled471'],
  ['claim', '--as', 'r'],
  ['prune', '--older-than', '0s', '--dry-run'],
  ['status', 'task-9ppjrd2ysy5f'],
  ['show', 'task-9ppjrd2ysy5f'],
  ['show', 'task-done4711abcd'],
  ['show', 'task-failed471123'],
  ['wait', 'task-done4711abcd'],
  ['wait', 'task-9ppjrd2ysy5f', '--timeout', '0'],
  ['wait', 'task-9ppjrd2ysy5f', 'task-scheduled471', '--timeout', '0'],
  ['status', 'task-unknown'],
  ['complete', 'task-cancelled471', '--from', role, '--summary', 'x'],
  ['submit', '--to', 'r', '--instructions', 'x', '--ttl', 'for a very long time and a day, or so it was said'],
];

for (const columns of [60, 80, 120]) {
  describe(`at ${columns} columns`, () => {
    test('no line of a command is wider', async ({ q }) => {
      q.write('.agentq/results/task-done4711abcd.md', 'changed');
      const narrow = q.with({ tty: true, columns, env: { NO_COLOR: '1' } });
      for (const args of views) {
        const ran = await narrow.run(...args);
        expect(`${ran.stdout}${ran.stderr}`, args.join(' ')).not.toBe('');
        expect(tooWide(ran, columns), args.join(' ')).toEqual([]);
      }
    });

    test('no line of a help text is wider', async ({ q }) => {
      const narrow = q.with({ tty: true, columns, env: { NO_COLOR: '1' } });
      const verbs = (await q.ok('--help')).match(/(?<=^  )[a-z]+(?= .*  )/gm)!;
      expect(verbs.length).toBeGreaterThan(20);
      for (const verb of ['', ...verbs]) {
        const ran = await narrow.run('help', ...(verb ? [verb] : []));
        expect(ran.code).toBe(0);
        expect(tooWide(ran, columns)).toEqual([]);
      }
    });

    test('ids and states are whole, and tables use the width', async ({ q }) => {
      const shown = await q.with({ tty: true, columns, env: { NO_COLOR: '1' } }).ok('list');
      for (const task of (await q.json('list')).tasks)
        expect(shown).toMatch(new RegExp(`^${task.task_id} +${task.status}\\b`, 'm'));
      expect(Math.max(...shown.split('\n').map((line) => stringWidth(line)))).toBeGreaterThan(columns - 5);
    });
  });
}

describe('a table', () => {
  test('is whole in a pipe', async ({ q }) => {
    const [titles] = (await q.ok('list')).split('\n');
    expect(titles!.trim().split(/ {2,}/)).toEqual(['ID', 'STATUS', 'STARTS', 'FROM', 'TO', 'TRIES', 'UPDATED', 'WHAT']);
    expect(await q.ok('list')).toContain(role);
    expect(await q.ok('dlq')).toContain(reason);
    expect(await q.ok('status', 'task-failed471123')).toContain(reason);
  });

  test('in a pipe fits COLUMNS if it is set, as on a terminal', async ({ q }) => {
    for (const tty of [true, false]) {
      const { stdout } = await q.with({ tty, env: { COLUMNS: '60', NO_COLOR: '1' } }).run('list');
      expect(tooWide({ stdout, stderr: '' } as Ran, 60)).toEqual([]);
      expect(stdout).not.toContain('TRIES');
    }
    expect((await q.with({ env: { COLUMNS: 'wide' } }).run('list')).stdout).toContain('TRIES');
  });

  test('shortens an id only if the texts have little room, and says so', async ({ q }) => {
    await q.submit(longId);
    const at = (columns: number) => q.with({ tty: true, columns, env: { NO_COLOR: '1' } }).run('list');
    const wideEnough = await at(120);
    expect(wideEnough.stdout).toContain(longId);
    expect(wideEnough.stderr).toBe('');
    const narrow = await at(60);
    expect(tooWide(narrow, 60)).toEqual([]);
    expect(narrow.stdout).toMatch(/^task-with.*…x+ +queued/m);
    expect(narrow.stderr).toBe('ids are shortened to fit: --json prints them whole\n');
  });

  test('has room for counts of a million', async () => {
    const lines: string[] = [];
    const io = { width: 60, style: async () => ({ dim: String }), line: (line: string) => lines.push(line), talk() {} };
    const million = (title: string, drop: number) => ({ title, drop, align: 'right' as const, cell: () => '1000000' });
    await printTable(
      io as never,
      [1],
      [
        { title: 'ROLE', content: 'name', cell: () => role },
        ...['QUEUED', 'SCHEDULED', 'WORKING', 'DONE', 'FAILED', 'CANCELLED'].map((title, i) => million(title, 6 - i)),
      ],
    );
    expect(lines).toEqual([
      'ROLE            QUEUED  SCHEDULED  WORKING     DONE   FAILED',
      'implem…-team1  1000000    1000000  1000000  1000000  1000000',
    ]);
  });
});

test('show folds the renewals of an attempt into one line', async ({ q }) => {
  const story = (await q.ok('show', 'task-9ppjrd2ysy5f')).split('\n').filter((line) => line.includes(' renewed '));
  expect(story).toEqual([
    `2027-03-01T12:00:00.000Z +0s       renewed         attempt 1, 3 times until 2027-03-01T12:05:00.000Z 30%, last note: 30: ${wide}`,
  ]);
  const { events } = await q.json('show', 'task-9ppjrd2ysy5f');
  expect(events.filter(({ type }: { type: string }) => type === 'renewed')).toHaveLength(3);
});
