import { type Command, Option } from 'commander';

export interface GlobalOptions {
  readonly dir?: string;
  readonly json?: boolean;
  readonly compact?: boolean;
  readonly fields?: string;
  readonly url?: string;
  readonly brokerTimeout?: string;
  /** False if the user has disabled them. */
  readonly color?: boolean;
}

/** Their flags and their descriptions. */
const options = [
  ['--dir <path>', 'the workspace, or the folder that contains its .agentq (AGENTQ_DIR)'],
  ['--url <url>', 'the broker of the queue, amqp://… (AGENTQ_URL)'],
  ['--broker-timeout <duration>', 'how long to wait for the broker (default: 10s)'],
  ['--json', 'print JSON for programs'],
  ['--compact', 'print JSON without defaults, repetitions and long texts in lists'],
  ['--fields <names>', 'print JSON with these fields only: task_id,attempts.reason'],
  ['--no-color', 'print without colours (NO_COLOR)'],
] as const;

/** Gives the program the options that may stand before a verb and after it. */
export function addGlobalOptions(program: Command): Command {
  for (const [flags, description] of options) program.option(flags, description);
  return program;
}

/** Gives the same to a verb, and to those below it. Its help names them in one line. */
export function repeatGlobalOptions(command: Command): Command {
  for (const below of command.commands) repeatGlobalOptions(below);
  for (const [flags, description] of options) command.addOption(new Option(flags, description).hideHelp());
  const names = options.map(([flags]) => flags.split(' ')[0]).join(' ');
  return command.addHelpText('after', `\nGlobal options: ${names} (agentq help)`);
}

/** The options of the command and of its parents. The options of the command override the others. */
export function globalOptions(command: Command): GlobalOptions {
  const own = command.opts<GlobalOptions>();
  if (!command.parent) return own;
  const above = globalOptions(command.parent);
  return { ...above, ...own, color: own.color !== false && above.color !== false };
}

/** Whether the command prints JSON. */
export function printsJson({ json, compact, fields }: GlobalOptions): boolean {
  return json === true || compact === true || fields !== undefined;
}

/** The same by the words of the command line, for an error of a command line that could not be read. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const isOption = (arg: string) => /^--(json|compact|fields|fields=.*)$/s.test(arg);
  return (end < 0 ? args : args.slice(0, end)).some(isOption);
}
