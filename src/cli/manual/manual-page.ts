import type { EventEmitter } from 'node:events';
import { Command } from 'commander';
import { exitCodes, INTERNAL_ERROR } from '../errors/exit-codes.ts';
import { addGlobalOptions } from '../input/global-options.ts';
import type { Verb } from '../verb.ts';
import { bold, entry, escaped, paragraphs, section, subsection } from './roff.ts';

/**
 * The manual page of the program, from the same descriptions as `--help`. The build writes it to dist/agentq.1.
 * @param description of the program, in one sentence
 */
export async function manualPage(description: string, verbs: readonly Verb[], version: string): Promise<string> {
  const program = addGlobalOptions(new Command('agentq'));
  const commands = await Promise.all(verbs.map(commandOf));
  const codes = [['ok', 0] as const, ['internal error', INTERNAL_ERROR] as const, ...Object.entries(exitCodes)];
  const lines = [
    `.TH AGENTQ 1 "" "agentq ${version}" "User Commands"`,
    // Left-adjusted: a line with one long word cannot be adjusted.
    '.ad l',
    section('Name'),
    escaped(`agentq - ${description.replace(/\.$/, '').replace(/^The/, 'the')}`),
    section('Synopsis'),
    `${bold('agentq')} [\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]`,
    section('Description'),
    ...paragraphs(description),
    ...paragraphs('agentq help COMMAND prints what this page says of a command.'),
    section('Options'),
    ...paragraphs('These options may stand before or after a command.'),
    ...optionsOf(program),
    section('Commands'),
    ...commands.flatMap((command) => [command, ...command.commands].flatMap(describe)),
    section('Exit status'),
    ...codes.toSorted(([, a], [, b]) => a - b).map(([name, code]) => entry(String(code), name)),
    section('Files'),
    entry('.agentq/config.json', 'the settings of a workspace; docs/config.md describes them'),
  ];
  // A title begins a paragraph by itself.
  return `${lines.join('\n').replaceAll(/^(\.S[HS] .*)\n\.PP$/gm, '$1')}\n`;
}

async function commandOf([name, summary, load]: Verb): Promise<Command> {
  const { define } = await load();
  const command = new Command(name).description(summary);
  define(command, () => {
    throw new Error('a command that is only described does not run');
  });
  return command;
}

function describe(command: Command): string[] {
  const above = command.parent ? `${command.parent.name()} ` : '';
  let more = '';
  const given = { command, error: false, write: (text: string) => (more += text) };
  (command as unknown as EventEmitter).emit('afterHelp', given);
  return [
    subsection(`agentq ${above}${command.name()} ${command.usage()}`),
    ...paragraphs(command.description()),
    ...optionsOf(command),
    ...paragraphs(more),
  ];
}

const optionsOf = ({ options }: Command): string[] =>
  options.filter(({ hidden }) => !hidden).map(({ flags, description }) => entry(flags, description));
