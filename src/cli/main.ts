import { Command } from 'commander';
import { ME } from '../core/identifiers.ts';
import { Context } from './context.ts';
import { type Advise, report } from './errors/error-report.ts';
import { withHelp, wordsOf } from './errors/help-hint.ts';
import { SeveralErrors } from './errors/several-errors.ts';
import { addGlobalOptions, globalOptions, repeatGlobalOptions } from './input/global-options.ts';
import { guardRepetitions } from './input/repeated-options.ts';
import { PROSE, proseWidth } from './output/layout/terminal-width.ts';
import { wrapParagraphs } from './output/layout/wrap.ts';
import { OutputStream } from './output/output-stream.ts';
import { shellWord } from './output/shell-word.ts';
import type { System } from './process/system.ts';
import { COMPLETE, type Verb } from './verb.ts';
import { VERSION } from './process/version.ts';

export const DESCRIPTION = 'The durable task queue that AI agents drive from the shell.';

export const verbs: readonly Verb[] = [
  ['init', 'create a workspace here', () => import('./commands/init.ts')],
  ['submit', 'put a task, or a batch of them, into the queue', () => import('./commands/submit.ts')],
  ['wait', 'wait until tasks have ended', () => import('./commands/wait.ts')],
  ['status', 'print the overview, or one task', () => import('./commands/status.ts')],
  ['top', 'watch the queue live, on the whole terminal', () => import('./commands/top.ts')],
  ['stats', 'print counts, waits, runs and cost of a period', () => import('./commands/stats.ts')],
  ['result', 'print the verified result of a task', () => import('./commands/result.ts')],
  ['list', 'list tasks', () => import('./commands/list.ts')],
  ['show', 'print the history of a task', () => import('./commands/show.ts')],
  ['logs', 'print what the program of a worker prints', () => import('./commands/logs.ts')],
  ['inbox', 'collect the result messages sent to an agent', () => import('./commands/inbox.ts')],
  ['brief', 'say in few words what an agent has begun and what comes next', () => import('./commands/brief.ts')],
  ['cancel', 'cancel tasks, running ones too', () => import('./commands/cancel.ts')],
  ['edit', 'change a task that no worker has begun', () => import('./commands/edit.ts')],
  ['redo', 'have completed tasks done again', () => import('./commands/redo.ts')],
  ['work', 'take tasks of a role and run a program for each', () => import('./commands/work.ts')],
  ['claim', 'take the next task of a role', () => import('./commands/claim.ts')],
  ['progress', 'report progress, renew the lease, learn of a cancel', () => import('./commands/progress.ts')],
  ['complete', 'complete a task with its evidence', () => import('./commands/complete.ts')],
  ['fail', 'fail a task, or an attempt, with a reason', () => import('./commands/fail.ts')],
  ['release', 'return a claimed task to the queue', () => import('./commands/release.ts')],
  ['note', 'keep a note in the queue, or list the notes', () => import('./commands/note.ts')],
  ['policy', 'apply or show the policy of the queue: budgets', () => import('./commands/policy.ts')],
  ['dlq', 'list, show, retry and purge dead letters', () => import('./commands/dlq.ts')],
  ['doctor', 'cross-check database, queue and artifacts', () => import('./commands/doctor.ts')],
  ['prune', 'remove old finished tasks and their evidence', () => import('./commands/prune.ts')],
  ['backup', 'copy the queue into one file, while work continues', () => import('./commands/backup.ts')],
  ['restore', 'replace the queue by a backup', () => import('./commands/restore.ts')],
  ['snapshot', 'store what the log of a broker leads to, for new machines', () => import('./commands/snapshot.ts')],
  ['guide', 'say to an agent what it must know', () => import('./commands/guide.ts')],
  ['schema', 'print the JSON schema of an output or an input of a command', () => import('./commands/schema.ts')],
  ['completion', 'print the completion script of a shell', () => import('./commands/completion.ts')],
  ['torture', 'kill workers at random and count errors', () => import('./commands/torture.ts')],
];

/** Runs one command line. @returns the exit code; never throws, never exits */
export async function main(system: System): Promise<number> {
  const output = new OutputStream(system.stdout);
  if (system.args[0] === COMPLETE) {
    const { printCandidates } = await import('./completion/print-candidates.ts');
    await printCandidates(output, system.args.slice(1), verbs, (named) => new Context(system, output, named));
    return 0;
  }
  const args = withoutHelpCommand(system.args);
  const { program, invocation } = build(system, output, args);
  const errors: unknown[] = [];
  await program.parseAsync(args, { from: 'user' }).catch((error: unknown) => errors.push(error));
  await invocation.context?.close(system.endsProcess).catch((error: unknown) => errors.push(error));
  // The exit code of the command overrides the code of its output. The last line on standard error explains the exit
  // code.
  const lost = output.failure && report(output.failure, system);
  const told = errors[0] instanceof SeveralErrors ? errors[0].errors : errors.slice(0, 1);
  const { dir } = invocation.called ? globalOptions(invocation.called) : {};
  const advise: Advise = (hint, code) => {
    const whole = withHelp(code, hint, wordsOf(program, operandsOf(args)));
    return whole === undefined ? undefined : repeatDir(whole, dir);
  };
  const [code = 0] = told.map((error) => report(error, system, advise));
  return code || (lost ?? 0);
}

/** Adds the given --dir to the commands that a hint names, so that they can be run as they are. */
function repeatDir(hint: string, dir: string | undefined): string {
  if (dir === undefined) return hint;
  const commands = new RegExp(`\\bagentq (?=(?:${verbs.map(([name]) => name).join('|')})\\b)`, 'g');
  return hint.replace(commands, () => `agentq --dir ${shellWord(dir)} `);
}

/** The state of one invocation: the called command and its context. */
interface Invocation {
  called?: Command;
  context?: Context;
}

function build(
  system: System,
  output: OutputStream,
  args: readonly string[],
): { program: Command; invocation: Invocation } {
  const invocation: Invocation = {};
  const context = () =>
    (invocation.context ??= new Context(system, output, globalOptions(invocation.called ?? program), repeatDir));
  const program = addGlobalOptions(new Command('agentq'))
    .description(DESCRIPTION)
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
    .configureHelp({ minWidthToWrap: 20 })
    .addHelpText('after', '\nagentq help COMMAND describes a command. The options above may stand before or after it.')
    .enablePositionalOptions() // so that `fail --reason -V` is a reason
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(wrapParagraphs(text, proseWidth(output, system.env))),
      writeErr: () => {},
      getOutHelpWidth: () => Math.min(proseWidth(output, system.env), PROSE),
      getOutHasColors: () => false,
    })
    .hook('preSubcommand', async (_program, command) => {
      const verb = verbs.find(([name]) => name === command.name());
      if (!verb) return;
      const { define } = await verb[2]();
      define(command, context);
      repeatGlobalOptions(command);
      for (const one of [command, ...command.commands]) guardRepetitions(one);
    })
    .hook('preAction', async (_program, command) => {
      invocation.called = command;
      if (Object.values(command.opts()).includes(ME)) {
        const { resolveMe } = await import('./input/own-name.ts');
        resolveMe(command, () => context().identity(undefined));
      }
      const { compact = false, fields } = globalOptions(command);
      if (compact || fields !== undefined) await context().shapeOutput(command, { compact, fields });
    });
  guardRepetitions(program);
  // Only the called verb is created. All verbs are created if the output may list them.
  const operand = args[firstOperand(args)];
  const called = verbs.filter(([name]) => name === operand);
  for (const [name, summary] of called.length > 0 ? called : verbs) {
    program.command(name).description(summary);
  }
  if (operand === undefined) program.action(() => program.outputHelp());
  // Without this option, an unknown command is an error also with --help.
  else if (called.length === 0) program.helpOption(false);
  return { program, invocation };
}

/** The options before a verb that take a value. */
const withValue = new Set(['--dir', '--url', '--broker-timeout', '--fields']);

const isOperand = (arg: string, i: number, args: readonly string[]) =>
  !arg.startsWith('-') && !withValue.has(args[i - 1] ?? '');

/** @returns the index of the verb; -1 if there is none */
const firstOperand = (args: readonly string[]): number => args.findIndex(isOperand);

/** The verb, and the words after it that are no options. Words may be values of the options of the verb. */
const operandsOf = (args: readonly string[]): string[] => args.filter(isOperand);

/** `help VERB` means `VERB --help`. */
function withoutHelpCommand(args: readonly string[]): readonly string[] {
  const at = firstOperand(args);
  return args[at] === 'help' ? [...args.toSpliced(at, 1), '--help'] : args;
}
