import * as z from 'zod/mini';
import { describeDrift } from '../../artifacts/store.ts';
import type { NamedFile } from '../../app/evidence/pending-evidence.ts';
import { complete } from '../../app/change/complete.ts';
import { type CurrentFolder, locate } from '../../app/workspace/current-folder.ts';
import { AgentqError } from '../../core/errors.ts';
import { checkName } from '../../core/identifiers.ts';
import { parseFlags, text } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { addCallerOptions, callerFlags, callerOf } from '../caller.ts';
import { addCostOptions, costFlags, costGiven } from '../input/cost-options.ts';

const Flags = z.object({
  ...callerFlags(),
  ...costFlags(),
  resultFile: z.optional(z.string()),
  summary: z.optional(text()),
  artifact: z.optional(z.array(z.string())),
  empty: z.optional(z.boolean()),
  allowSecret: z.optional(z.boolean()),
});

/** The size from which a context is not read again after the completion, in bytes. */
const LARGE = 16 * 1024 * 1024;

export const define: Define = (command, context) =>
  addCostOptions(addCallerOptions(command))
    .option('--result-file <path>', 'the file of the result')
    .option('--summary <text>', 'the result in one line')
    .option('--artifact <name=path>', 'a file as evidence; repeatable', collect)
    .option('--empty', 'complete it without summary, result and artifacts')
    .option('--allow-secret', 'accept a summary that seems to contain a credential')
    .action(async (named: string | undefined, options) => {
      const flags = parseFlags(Flags, options);
      const reported = costGiven(flags);
      const cli = context();
      const artifacts = (flags.artifact ?? []).map((given) => readArtifact(given, cli.system));
      const caller = await callerOf(cli, { id: named, ...flags });
      const services = await cli.services();
      const warn = (line: string) => cli.io.talk(`agentq: warning: ${line}`);
      const { task, changed } = await complete(services, {
        ...caller,
        ...reported,
        artifacts,
        summary: flags.summary,
        resultFile: flags.resultFile === undefined ? undefined : { file: locate(cli.system, flags.resultFile) },
        allowEmpty: flags.empty ?? false,
        allowSecret: flags.allowSecret ?? false,
        warn,
      });
      // The completion is recorded: a large context or a slow store does not delay its answer.
      if (cli.io.json) cli.io.data({ task_id: task.id, status: task.status, changed } satisfies Output<'complete'>);
      if (!task.context || task.context.size > LARGE) return;
      const drift = await services.store.check(task.context).catch(() => undefined);
      if (drift) warn(`${task.id} is completed, but ${describeDrift(drift)}: check what the work was based on`);
    });

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function readArtifact(given: string, from: CurrentFolder): NamedFile {
  const equals = given.indexOf('=');
  if (equals < 1)
    throw new AgentqError('usage', `--artifact ${JSON.stringify(given)} names no file`, '--artifact NAME=PATH');
  return {
    name: checkName('artifact name', given.slice(0, equals)),
    file: locate(from, given.slice(equals + 1)),
  };
}
