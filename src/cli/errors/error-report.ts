import { CommanderError } from 'commander';
import { AgentqError } from '../../core/errors.ts';
import { machineErrors } from '../../core/machine-errors.ts';
import { exitCodes, INTERNAL_ERROR } from './exit-codes.ts';
import { keepInternalError } from './internal-error.ts';
import { asksForJson } from '../input/global-options.ts';
import { proseWidth } from '../output/layout/terminal-width.ts';
import { wrap } from '../output/layout/wrap.ts';
import { shorten } from '../output/line.ts';
import { OutputStream } from '../output/output-stream.ts';
import type { System } from '../process/system.ts';
import { visible, visibleJson } from '../output/visible.ts';

interface Told {
  readonly code: string;
  readonly exit: number;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Completes the hint of an error with this code. */
export type Advise = (hint: string | undefined, code: string) => string | undefined;

/**
 * Reports an error in one line on standard error. This is the only place where an error becomes an exit code. An error
 * that is not an AgentqError is a bug; its details go into a file.
 * @param advise completes the hint for an error code
 * @returns the exit code
 */
export function report(error: unknown, system: System, advise: Advise = (hint) => hint): number {
  const known = error instanceof CommanderError ? fromCommander(error) : fromSystem(error);
  if (known === undefined) return 0;
  const told = known instanceof AgentqError ? { ...refusal(known), exit: exitCodes[known.code] } : bug(known, system);
  const { code, exit, message } = told;
  const hint = advise(told.hint, code);
  if (message === '') return exit;
  const stderr = new OutputStream(system.stderr);
  const line = asksForJson(system.args)
    ? visibleJson(JSON.stringify({ error: { code, exit, message, hint } }))
    : wrap(
        `agentq: ${exit === INTERNAL_ERROR ? 'internal error: ' : ''}${visible(message)}${hint === undefined ? '' : ` (${visible(hint)})`}`,
        proseWidth(stderr, system.env),
        2,
      );
  stderr.write(`${line}\n`);
  return exit;
}

function refusal({ code, message, hint }: AgentqError): Omit<Told, 'exit'> {
  return { code, message, hint };
}

/** A stack trace and the source lines of Node.js do not help at a terminal, and may contain confidential text. */
function bug(error: unknown, { cacheFolder, clock }: System): Told {
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: String(error) };
  const file = keepInternalError(cacheFolder, error, clock());
  return {
    code: 'internal error',
    exit: INTERNAL_ERROR,
    message: shorten(`${name}: ${message.split('\n')[0]!}`, 300),
    hint: file === undefined ? undefined : `report it, with ${file}`,
  };
}

/** A raw error of the disk or of its access rights is not a bug. */
function fromSystem(error: unknown): unknown {
  const { code, syscall, message } = Object(error) as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (machineErrors.has(code)) return new AgentqError('storage', message, 'check the disk, then try again');
  return REFUSED.has(code) ? new AgentqError('storage', message, 'check the owner and the mode of the path') : error;
}

const REFUSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG']);

/** Help and version are not errors, although commander throws them. */
function fromCommander({ code, message }: CommanderError): AgentqError | undefined {
  if (code === 'commander.helpDisplayed' || code === 'commander.version' || code === 'commander.help') return undefined;
  return new AgentqError('usage', message.replace(/^error: /, '').replace(/\n/g, ' '));
}
