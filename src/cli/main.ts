import { Command, CommanderError } from 'commander';
import { AgentqError } from '../core/errors.ts';
import { Context, type GlobalOptions } from './context.ts';
import { exitCodes, INTERNAL_ERROR } from './exit-codes.ts';
import { OutputClosed, type System } from './system.ts';
import { visible, visibleJson, visibleText } from './visible.ts';
import { VERSION } from './version.ts';

/** Adds a verb's arguments, options and action. Loaded when the verb is called, with all that it imports. */
export type Define = (command: Command, context: () => Context) => void;
type Verb = readonly [name: string, summary: string, load: () => Promise<{ define: Define }>];

const verbs: readonly Verb[] = [
  ['init', 'make a workspace here', () => import('./commands/init.ts')],
  ['submit', 'put a task, or a batch of them, into the queue', () => import('./commands/submit.ts')],
  ['wait', 'sleep until tasks have ended', () => import('./commands/wait.ts')],
  ['status', 'the overview, or one task', () => import('./commands/status.ts')],
  ['result', 'print the verified result of a task', () => import('./commands/result.ts')],
  ['list', 'list tasks', () => import('./commands/list.ts')],
  ['show', 'everything that happened to a task', () => import('./commands/show.ts')],
  ['inbox', 'collect the result messages sent to an agent', () => import('./commands/inbox.ts')],
  ['cancel', 'cancel tasks, running ones too', () => import('./commands/cancel.ts')],
  ['work', 'pull tasks of a role and run a program for each', () => import('./commands/work.ts')],
  ['claim', 'take the next task of a role', () => import('./commands/claim.ts')],
  ['progress', 'report progress, renew the lease, hear of a cancel', () => import('./commands/progress.ts')],
  ['complete', 'end a task with its evidence', () => import('./commands/complete.ts')],
  ['fail', 'end a task, or an attempt, with a reason', () => import('./commands/fail.ts')],
  ['release', 'give a claimed task back', () => import('./commands/release.ts')],
  ['dlq', 'the dead letters: list, show, retry, purge', () => import('./commands/dlq.ts')],
  ['doctor', 'cross-check database, queue and artifacts', () => import('./commands/doctor.ts')],
  ['schema', 'the JSON schema of what a command prints with --json', () => import('./commands/schema.ts')],
];

const hiddenVerbs: readonly Verb[] = [
  ['torture', 'kill workers at random and count what went wrong', () => import('./commands/torture.ts')],
];

const everyVerb = [...verbs, ...hiddenVerbs];

/** Runs one command line. @returns the exit code; never throws, never exits */
export async function main(system: System): Promise<number> {
  const { program, context } = build(system);
  try {
    if (system.args.length === 0) program.outputHelp();
    else await program.parseAsync(system.args, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error, system, program.opts<GlobalOptions>().json ?? system.args.includes('--json'));
  } finally {
    if (!system.endsProcess) await context.opened?.close();
  }
}

function build(system: System): { program: Command; context: { opened?: Context } } {
  const context: { opened?: Context } = {};
  const open = () => (context.opened ??= new Context(system, program.opts<GlobalOptions>()));
  const program = new Command('agentq')
    .description('The durable task queue that AI agents drive from the shell.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--dir <path>', 'the workspace, or the folder that holds its .agentq (AGENTQ_DIR)')
    .option('--json', 'print JSON for programs')
    .option('--no-color', 'print without colours (NO_COLOR)')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => system.stdout.write(text),
      writeErr: () => {},
      getOutHelpWidth: () => system.stdout.columns ?? 100,
      getOutHasColors: () => false,
    })
    .hook('preSubcommand', async (_program, command) => {
      const verb = everyVerb.find(([name]) => name === command.name());
      (await verb?.[2]())?.define(command, open);
    });
  // A command that may be meant is made; the others only where somebody may want to read about them.
  const meant = everyVerb.filter(([name]) => system.args.includes(name));
  for (const verb of meant.length > 0 ? meant : everyVerb) {
    const [name, summary] = verb;
    program.command(name, { hidden: hiddenVerbs.includes(verb) }).description(summary);
  }
  return { program, context };
}

/** The one place where an error becomes a line and an exit code. */
function report(error: unknown, system: System, json: boolean): number {
  if (error instanceof OutputClosed) return 0;
  const told = error instanceof CommanderError ? fromCommander(error) : error;
  if (told === undefined) return 0;
  if (!(told instanceof AgentqError)) {
    system.stderr.write(
      `agentq: internal error: ${visibleText(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
    );
    return INTERNAL_ERROR;
  }
  const exit = exitCodes[told.code];
  const { code, message, hint } = told;
  const line = json
    ? visibleJson(JSON.stringify({ error: { code, exit, message, hint } }))
    : `agentq: ${visible(message)}${hint === undefined ? '' : ` (${visible(hint)})`}`;
  if (message !== '') system.stderr.write(`${line}\n`);
  return exit;
}

/** Help and version are no errors, though commander throws them. */
function fromCommander({ code, message }: CommanderError): AgentqError | undefined {
  if (code === 'commander.helpDisplayed' || code === 'commander.version' || code === 'commander.help') return undefined;
  return new AgentqError('usage', message.replace(/^error: /, '').replace(/\n/g, ' '), 'agentq --help');
}
