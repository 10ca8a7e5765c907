import { LONGEST_IN_LISTS, SHARED } from '../defaults.ts';
import { shorten } from '../line.ts';
import { isObject } from './pick.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Cuts long texts of the tasks in a list; `…` marks the cut. Other outputs stay as they are. */
export function cutTexts(value: Fields): Fields {
  const { tasks } = value;
  if (!Array.isArray(tasks)) return value;
  const cut = ([name, inner]: [string, unknown]) => {
    const most = LONGEST_IN_LISTS[name];
    return [name, typeof inner === 'string' && most !== undefined ? shorten(inner, most) : inner];
  };
  return {
    ...value,
    tasks: tasks.map((task) => (isObject(task) ? Object.fromEntries(Object.entries(task).map(cut)) : task)),
  };
}

/** Moves what all tasks of a list have in common to the object `same` before the list. */
export function shareFields(value: Fields): Fields {
  const { tasks } = value;
  if (!Array.isArray(tasks) || tasks.length < 2 || !tasks.every(isObject)) return value;
  const common = SHARED.filter((name) => name in tasks[0]! && tasks.every((task) => task[name] === tasks[0]![name]));
  if (common.length === 0) return value;
  const same = Object.fromEntries(common.map((name) => [name, tasks[0]![name]]));
  const own = (task: Fields) => Object.fromEntries(Object.entries(task).filter(([name]) => !Object.hasOwn(same, name)));
  return { same, ...value, tasks: tasks.map(own) };
}
