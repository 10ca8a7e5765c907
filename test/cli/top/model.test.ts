import { describe, expect, test } from 'vitest';
import type { Message } from '../../../src/cli/top/model.ts';
import { selectedRow } from '../../../src/cli/top/rows.ts';
import { after, dead, overview, queued, working } from './scenes.ts';

/** The keys of a text. */
const typed = (text: string) => text.split('');

const size = { columns: 80, rows: 24 };
const read = (scene: Parameters<typeof overview>[0]): Message => ({ type: 'read', overview: overview(scene) });
const scene = {
  working: [working('w1', { to: 'coder' }), working('w2')],
  dead: [dead('d1', 'no disk')],
  waiting: [queued('q1'), queued('q2', { to: 'coder' })],
};
const begun = read(scene);
const key = (...messages: readonly (Message | string)[]) => selectedRow(after(size, begun, ...messages).state).row?.key;

describe('the keys of the list', () => {
  test('move the selection through all sections, and stop at its ends', () => {
    expect(key()).toBe('role coder');
    expect(key('up')).toBe('role coder');
    expect(key('down', 'j')).toBe('task w1');
    expect(key('G')).toBe('task q2');
    expect(key('G', 'down', 'k')).toBe('task q1');
    expect(key('pagedown')).toBe('task q2');
    expect(key('end', 'pageup')).toBe('role coder');
    expect(key('G', 'home')).toBe('role coder');
  });

  test('keep the selected task when others come and go, and take the next one when it goes', () => {
    const selected = ['down', 'down', 'down'];
    expect(key(...selected)).toBe('task w2');
    expect(key(...selected, read({ ...scene, working: [working('w0'), ...scene.working] }))).toBe('task w2');
    expect(key(...selected, read({ ...scene, working: [scene.working[0]!] }))).toBe('task d1');
    expect(key(...selected, read({}))).toBeUndefined();
  });

  test('open a task, follow its log, retry it, and cancel it only after a question', () => {
    const on = (...keys: readonly string[]) => after(size, begun, 'down', 'down', ...keys).effects;
    expect(on('return')).toEqual([{ type: 'open', id: 'w1' }]);
    expect(on('l')).toEqual([{ type: 'follow', id: 'w1' }]);
    expect(on('r')).toEqual([{ type: 'retry', id: 'w1' }]);
    expect(on('c')).toEqual([]);
    expect(on('c', 'y')).toEqual([{ type: 'cancel', id: 'w1' }]);
    for (const no of ['n', 'return', 'escape', 'q', 'c']) expect(on('c', no)).toEqual([]);
    expect(on('return', 'c', 'y')).toEqual([{ type: 'cancel', id: 'w1' }]);
  });

  test('do nothing to a role', () => {
    for (const act of ['c', 'l', 'r']) {
      const { state, effects } = after(size, begun, act);
      expect(effects).toEqual([]);
      expect(state.notice).toMatchObject({ isBad: true });
    }
  });

  test('quit, also while something is typed', () => {
    expect(after(size, begun, 'q').effects).toEqual([{ type: 'quit' }]);
    expect(after(size, 'q').effects).toEqual([{ type: 'quit' }]);
    for (const before of [[], ['/', 'a'], ['down', 'down', 'c'], ['?']])
      expect(after(size, begun, ...before, 'ctrl-c').effects).toEqual([{ type: 'quit' }]);
  });
});

describe('the filter', () => {
  const left = (...keys: readonly string[]) => {
    const { state, effects } = after(size, begun, ...keys);
    return { filter: state.filter, selected: selectedRow(state).row?.key, effects };
  };

  test('takes what is typed at once, in ids, notes, reasons and roles, and ignores the case', () => {
    expect(left('/', 'd', '1')).toMatchObject({ filter: 'd1', selected: 'task d1' });
    expect(left('/', ...typed('NO DISK'))).toMatchObject({ selected: 'task d1' });
    expect(left('/', ...typed('note of w2'))).toMatchObject({ selected: 'task w2' });
    expect(left('/', 'w', '日')).toMatchObject({ filter: 'w日', selected: undefined });
    expect(left('/', 'w', '日', 'backspace', '2')).toMatchObject({ filter: 'w2', selected: 'task w2' });
  });

  test('does not take a typed letter for a command', () => {
    expect(left('/', ...typed('qcr'))).toEqual({ filter: 'qcr', selected: undefined, effects: [] });
  });

  test('stays after Enter, and ends with Escape', () => {
    expect(left('/', 'd', '1', 'return', 'down')).toMatchObject({ filter: 'd1' });
    expect(left('/', 'd', '1', 'return', 'escape')).toMatchObject({ filter: '' });
    expect(left('/', 'd', 'escape')).toMatchObject({ filter: '' });
    expect(left('/', 'd', 'ctrl-u')).toMatchObject({ filter: '' });
  });

  test('reads the tasks of a role that it names, and Enter on a role does the same', () => {
    expect(left('/', ...typed('coder'))).toMatchObject({ filter: 'coder', effects: [{ type: 'reread' }] });
    expect(left('/', ...typed('coder'), 'escape')).toMatchObject({ effects: [{ type: 'reread' }] });
    expect(left('return')).toMatchObject({ filter: 'coder', effects: [{ type: 'reread' }] });
  });
});

describe('a page', () => {
  const log = (text: string | undefined): Message => ({ type: 'log', id: 'w1', text });
  const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`).join('\n');
  const top = (...messages: readonly (Message | string)[]) =>
    after(size, begun, 'down', 'down', 'l', log(lines), ...messages).state.pages.at(-1)?.top;

  test('of a log follows its end until it is scrolled, and again when it is scrolled to its end', () => {
    expect(top()).toBe('end');
    expect(top('up')).toBe(78);
    expect(top('up', log(`${lines}\nmore`))).toBe(78);
    expect(top('up', 'down')).toBe('end');
    expect(top('g')).toBe(0);
    expect(top('g', 'down', 'pagedown')).toBe(21);
    expect(top('g', 'G')).toBe('end');
  });

  test('about a task is read again when the queue changes, and so is a log', () => {
    expect(after(size, begun, 'down', 'down', 'return', begun).effects).toEqual([{ type: 'open', id: 'w1' }]);
    expect(after(size, begun, 'down', 'down', 'l', begun).effects).toEqual([{ type: 'follow', id: 'w1' }]);
    expect(after(size, begun, begun).effects).toEqual([]);
  });

  test('closes, and shows the one before', () => {
    const kinds = (...keys: readonly string[]) =>
      after(size, begun, 'down', 'down', ...keys).state.pages.map(({ kind }) => kind);
    expect(kinds('return', 'l', '?')).toEqual(['task', 'log', 'help']);
    expect(kinds('return', 'l', '?', 'q', 'escape')).toEqual(['task']);
    expect(kinds('return', 'q')).toEqual([]);
  });
});

test('what an action has said disappears with the next key; a read that succeeds ends the trouble', () => {
  const notice: Message = { type: 'notice', notice: { text: 'w1 is cancelled', isBad: false } };
  expect(after(size, begun, notice).state.notice).toMatchObject({ text: 'w1 is cancelled' });
  expect(after(size, begun, notice, 'down').state.notice).toBeUndefined();
  const trouble: Message = { type: 'unreadable', problem: 'the broker is away' };
  expect(after(size, begun, trouble).state).toMatchObject({
    trouble: 'the broker is away',
    overview: { at: expect.any(Number) },
  });
  expect(after(size, begun, trouble, begun).state.trouble).toBeUndefined();
});
