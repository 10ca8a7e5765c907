import type { GlanceScope } from '../../backend/glance.ts';
import { priorities } from '../../core/envelope/priority.ts';
import { statuses } from '../../core/task/task.ts';
import type { Context } from '../context.ts';
import type { Verb } from '../verb.ts';
import { type CommandLine, readCommandLine } from './command-line.ts';
import { shells } from './scripts.ts';

export interface Candidate {
  readonly word: string;
  /** What it is, for shells that show it. */
  readonly about?: string | undefined;
}

/** How many candidates are printed. */
const MOST = 100;

/** Verbs for tasks that have not ended. */
const FOR_OPEN: ReadonlySet<string> = new Set(['cancel', 'complete', 'edit', 'fail', 'progress', 'release', 'wait']);

/**
 * What the last word of a command line may become.
 * @param typed the words after the program; the last one may be empty
 * @returns `files` if it may be any path
 */
export async function candidatesFor(
  typed: readonly string[],
  verbs: readonly Verb[],
  context: Context,
): Promise<readonly Candidate[] | 'files'> {
  const line = await readCommandLine(typed, verbs);
  const found = await candidatesOf(line, verbs, context);
  if (found === 'files') return found;
  const { before, current, operands } = line;
  return found
    .filter(({ word }) => word.startsWith(current) && !operands.includes(word))
    .slice(0, MOST)
    .map(({ word, about }) => ({ word: `${before}${word}`, about }));
}

async function candidatesOf(line: CommandLine, verbs: readonly Verb[], context: Context) {
  const { command, path, operands, option, current, isAfterDashes } = line;
  if (option) return valuesOf(placeholderOf(option.flags), line, context);
  if (isAfterDashes) return 'files';
  if (current.startsWith('-')) {
    const options = [...command.options, command.createOption('-h, --help', 'print the help of the command')];
    return options.map(({ long, description }) => ({ word: long!, about: description }));
  }
  if (path.length === 0) {
    if (operands.length > 0) return [];
    const help: Candidate = { word: 'help', about: 'print the help of a command' };
    return [...verbs.map(([word, about]): Candidate => ({ word, about })), help];
  }
  const below = operands.length === 0 ? command.commands : [];
  const named = command.registeredArguments;
  const argument = named[operands.length] ?? (named.at(-1)?.variadic ? named.at(-1) : undefined);
  const values = argument ? await valuesOf(argument.name(), line, context) : [];
  if (values === 'files') return values;
  return [...below.map((one): Candidate => ({ word: one.name(), about: one.description() })), ...values];
}

/** The name of the value in `--to <role>`. */
function placeholderOf(flags: string): string {
  return /<([a-z-]+)>/.exec(flags)?.[1] ?? '';
}

/** @param name the name of an argument, or of the value of an option */
async function valuesOf(name: string, line: CommandLine, context: Context): Promise<readonly Candidate[] | 'files'> {
  const { path, current } = line;
  switch (name) {
    case 'role':
      return rolesIn(context, current);
    case 'roles':
      return listed(current, (prefix) => rolesIn(context, prefix));
    case 'id':
    case 'ids':
      return tasksIn(context, current, path[0] === 'dlq' ? 'dead' : FOR_OPEN.has(path[0] ?? '') ? 'open' : 'any');
    case 'priority':
      return priorities.map((word) => ({ word }));
    case 'statuses':
      return listed(current, async () => statuses.map((word) => ({ word })));
    case 'shell':
      return shells.map((word) => ({ word }));
    case 'path':
    case 'file':
    case 'folder':
    case 'dir':
    case 'program':
    case 'args':
      return 'files';
    default:
      return [];
  }
}

/** For a list with commas: candidates for its last member. */
async function listed(
  current: string,
  of: (prefix: string) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  const at = current.lastIndexOf(',') + 1;
  const before = current.slice(0, at);
  return (await of(current.slice(at))).map(({ word, about }) => ({ word: `${before}${word}`, about }));
}

async function tasksIn(context: Context, prefix: string, scope: GlanceScope): Promise<readonly Candidate[]> {
  const { known } = await context.glance();
  const tasks = known?.tasks(prefix, scope, MOST) ?? [];
  known?.close();
  return tasks.map(({ id, status, role }) => ({ word: id, about: `${status}, to ${role}` }));
}

async function rolesIn(context: Context, prefix: string): Promise<readonly Candidate[]> {
  const { config, known } = await context.glance();
  const roles = known?.roles(prefix, MOST) ?? [];
  known?.close();
  return [...new Set([...Object.keys(config.roles ?? {}), ...roles])].toSorted().map((word) => ({ word }));
}
