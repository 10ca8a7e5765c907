import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { textOf } from '../../../src/cli/top/line.ts';
import type { Message } from '../../../src/cli/top/model.ts';
import { ages, view, visibleTasks } from '../../../src/cli/top/view.ts';
import { story as scenario, submit, claim } from '../../core/tasks.ts';
import { after, dead, NOW, overview, queued, working } from './scenes.ts';

const sizes = [
  { columns: 60, rows: 20 },
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 200, rows: 50 },
];

/** Long names, wide characters, and texts that would control a terminal. */
const LONG = 'a-role-with-a-name-of-some-forty-characters';
const hostile = 'a\u001b]0;title\u0007b\u001b[2Jc\rd\u009be\u202ef\ng';
const wide = '日本語のメモ 🙂 と é';
const scene = overview({
  working: [working('w1', { to: LONG }, wide), working('w2-with-a-long-id-that-somebody-chose', {}, hostile)],
  dead: [dead('d1', hostile), dead('d2', wide.repeat(20))],
  waiting: Array.from({ length: 60 }, (_, i) => queued(`q${i}`, { instructions: i === 0 ? hostile : wide })),
});
const read: Message = { type: 'read', overview: scene };
const output: Message = { type: 'output', lines: new Map([['w1', `last ${hostile}`]]) };
const found = scenario(submit({ task_id: 'w1', instructions: `${hostile} ${wide}` }), claim());
const task: Message = { type: 'task', task: found.task, events: found.events };
const log: Message = { type: 'log', id: 'w1', text: `${hostile}\n${wide.repeat(40)}\n\ttab\nold\rnew\n` };

const shown = (size: (typeof sizes)[number], ...messages: readonly (Message | string)[]) =>
  view(after(size, ...messages).state, NOW, stringWidth).map(textOf);

/** Everything that can be on the screen. */
const screens: Readonly<Record<string, readonly (Message | string)[]>> = {
  'before the first read': [],
  'after a failed read': [{ type: 'unreadable', problem: `away: ${hostile}` }],
  'an empty queue': [{ type: 'read', overview: overview({}) }],
  'the list': [read, output],
  'the end of the list': [read, output, 'G'],
  'a filter': [read, output, '/', '日', '本'],
  'a filter that finds nothing': [read, '/', 'z', 'z', 'z', 'return'],
  'a question': [read, 'down', 'down', 'c'],
  'a notice': [read, { type: 'notice', notice: { text: hostile, isBad: true } }],
  'a task': [read, 'down', 'down', 'return', task],
  'a task that is not read yet': [read, 'down', 'down', 'return'],
  'a log': [read, 'down', 'down', 'l', log],
  'no log': [read, 'down', 'down', 'l', { type: 'log', id: 'w1', text: undefined }],
  'a log that is not read yet': [read, 'down', 'down', 'l'],
  help: [read, '?'],
};

describe('every screen', () => {
  for (const [name, messages] of Object.entries(screens)) {
    test(`fits the terminal and controls nothing: ${name}`, () => {
      for (const size of sizes) {
        const lines = shown(size, ...messages);
        expect(lines).toHaveLength(size.rows);
        for (const line of lines) {
          expect(stringWidth(line)).toBeLessThanOrEqual(size.columns);
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
        }
      }
    });
  }
});

describe('the list', () => {
  const whole = overview({
    working: [working('w1', { to: 'coder' })],
    dead: [dead('d1', 'no disk')],
    waiting: [queued('q1')],
  });

  test('shows roles, who works on what since when, dead letters and waiting tasks', () => {
    const lines = shown(
      { columns: 100, rows: 24 },
      { type: 'read', overview: whole },
      {
        type: 'output',
        lines: new Map([['w1', 'compiling']]),
      },
    );
    const cells = lines.map((line) => line.trim().split(/ {2,}/));
    expect(cells[0]).toEqual(['agentq top', '1 queued, 1 working, 1 dead letter']);
    expect(cells).toContainEqual(['implementer', '1', '30m', '0', '0', '0', '1', '0', 'none']);
    expect(cells).toContainEqual(['w1', 'coder', 'worker-of-w1', '30m', '[####------] 40%', '$0.12']);
    expect(lines).toContain('  note of w1 │ compiling');
    expect(cells).toContainEqual(['d1', 'implementer', 'failed', '1', '30m ago', 'no disk']);
    expect(cells).toContainEqual(['q1', 'implementer', 'queued', 'normal', '30m ago', 'do it']);
  });

  test('marks one row, and scrolls to it', () => {
    const size = sizes[0]!;
    for (const keys of [[], ['G'], ['down', 'down', 'down'], ['G', 'up', 'up']]) {
      const lines = view(after(size, read, ...keys).state, NOW, stringWidth);
      expect(lines.slice(1).filter(({ isMarked }) => isMarked)).toHaveLength(1);
    }
    expect(shown(size, read, 'G').join('\n')).toContain('q59');
    expect(shown(size, read).join('\n')).not.toContain('q59');
  });

  test('names the running tasks that are visible, and only while the list is', () => {
    const ids = (...messages: readonly (Message | string)[]) =>
      visibleTasks(after(sizes[0]!, ...messages).state, NOW, stringWidth).map(({ id }) => id);
    expect(ids(read)).toEqual(['w1', 'w2-with-a-long-id-that-somebody-chose']);
    expect(ids(read, 'G')).toEqual([]);
    expect(ids(read, '?')).toEqual([]);
  });

  test('needs the time only if something on it ages', () => {
    const isAging = (...messages: readonly (Message | string)[]) => ages(after(sizes[0]!, ...messages).state);
    expect(isAging()).toBe(false);
    expect(isAging({ type: 'read', overview: overview({}) })).toBe(false);
    expect(isAging(read)).toBe(true);
    expect(isAging(read, '?')).toBe(false);
  });
});

test('titles stand over their rows, and over those whose titles are scrolled away', () => {
  for (let rows = 8; rows < 30; rows++) {
    const lines = shown({ columns: 80, rows }, read).slice(1, -2);
    expect(lines.findLast((text) => text.trim() !== '')).not.toMatch(
      /^(WORKING|DEAD LETTER|WAITING) .*(WHAT|REASON|COST)/,
    );
    expect(shown({ columns: 80, rows }, read, 'G')[1]).toMatch(/^WAITING +ROLE/);
  }
});

test('a role selects its tasks only, and what has ended cannot be cancelled', () => {
  const similar = overview({
    waiting: [queued('q1', { to: 'rev' }), queued('q2', { to: 'rev2' })],
    dead: [dead('d1', 'x')],
  });
  const queue: Message = { type: 'read', overview: similar };
  const ofRole = shown(sizes[1]!, queue, 'down', 'return').join('\n');
  expect(ofRole).toContain('q1');
  expect(ofRole).not.toContain('rev2');
  const { state, effects } = after(sizes[1]!, queue, '/', 'd', '1', 'return', 'c');
  expect([state.prompt, state.notice?.text, effects]).toEqual([undefined, 'd1 is failed and cannot be cancelled', []]);
});

test('a log has its tabs, what overwrote a line, and lines of the width of the screen', () => {
  const lines = shown(sizes[1]!, ...screens['a log']!);
  expect(lines).toContain('    tab');
  expect(lines).toContain('new');
});
