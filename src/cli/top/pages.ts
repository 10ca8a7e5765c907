import type { Event } from '../../core/task/event.ts';
import type { Task } from '../../core/task/task.ts';
import { wrap } from '../output/layout/wrap.ts';
import { FACT, taskLines } from '../output/report/task-text.ts';
import { visible, visibleText } from '../output/visible.ts';
import { plainStyle } from '../output/io.ts';
import { story } from '../output/report/story.ts';
import { bodyHeight, type Page, type Size } from './model.ts';

/** The lines of a page. Words that are wider than the screen are cut when they are drawn. */
export function pageLines(page: Page, columns: number, now: number): readonly string[] {
  switch (page.kind) {
    case 'help':
      return HELP.split('\n').flatMap((text) => wrap(text, columns, text.startsWith(' ') ? KEYS : 0).split('\n'));
    case 'task':
      return page.found ? detailLines(page.found.task, page.found.events, columns, now) : ['reading …'];
    case 'log':
      if (!page.isRead) return ['reading …'];
      return page.text === undefined ? NO_LOG : logLines(page.text, columns);
    default:
      return page satisfies never;
  }
}

/** The first line of a page that is visible. @param last the first visible line if the page is scrolled to its end */
export function firstVisible(page: Page, last: number): number {
  return page.top === 'end' ? last : Math.min(page.top, last);
}

/** The first visible line of a page that is scrolled to its end. */
export function lastTop(lines: number, size: Size): number {
  return Math.max(0, lines - bodyHeight(size));
}

function detailLines(task: Task, events: readonly Event[], columns: number, now: number): string[] {
  const lines = [
    ...taskLines(task, now, plainStyle, { historyFollows: true }).map((text) => ({ text, hang: FACT })),
    { text: '', hang: 0 },
    ...story(task, events, plainStyle, columns),
  ];
  return lines.flatMap(({ text, hang }) => wrap(text, columns, hang).split('\n'));
}

const NO_LOG = [
  'There is no output of this task on this machine.',
  '',
  'Only `agentq work` keeps the output of a task, on the machine where it runs.',
];

/** A log is broken at the width of the screen, also inside a word: it may be a table or a diff. */
function logLines(text: string, columns: number): string[] {
  const lines = text
    .replace(/\n$/, '')
    .split('\n')
    // A progress bar overwrites its line.
    .map((line) => line.replace(/\r$/, '').replace(/^.*\r/, ''));
  return lines.flatMap((line) => {
    const shown = visibleText(line).replaceAll('\t', '    ');
    return shown.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? [''];
  });
}

/** The title of a page. */
export function pageTitle(page: Page): string {
  switch (page.kind) {
    case 'help':
      return 'keys';
    case 'task':
      return visible(page.id);
    case 'log':
      return `output of ${visible(page.id)}`;
    default:
      return page satisfies never;
  }
}

/** The columns of a key and the blanks around it. */
const KEYS = 13;

const HELP = `In the list
  up, k      the row before
  down, j    the next row
  PgUp       a page up
  PgDn       a page down, as space
  Home, g    the first row
  End, G     the last row
  Enter      open the task, as agentq show; for a role: only its tasks
  l          follow the output of the task
  c          cancel the task, after a question
  r          return the dead letter to the queue
  /          only rows that contain a text; Esc shows all again
  q, Ctrl-C  quit

On a page
  the same keys scroll; l, c and r are about its task
  Esc, q     back

A role's OLDEST is how long its oldest task has been ready. The line below a running task is its last note, and the last line of its output if it runs on this machine.`;
