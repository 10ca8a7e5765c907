import { isUtf8 } from 'node:buffer';
import * as z from 'zod/mini';
import { deliverables, readResult, type VerifiedResult, wholeContent } from '../../app/result.ts';
import type { Services } from '../../app/workspace/services.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { SeveralErrors } from '../errors/several-errors.ts';
import { parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Io } from '../output/io.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { EMPTY } from '../../core/task/messages.ts';
import { fileView } from '../output/views.ts';
import { visible, visibleText } from '../output/visible.ts';

const Flags = z.object({ artifact: z.optional(name('artifact name')) });

export const define: Define = (command, context) =>
  command
    .argument('<ids...>')
    .option('--artifact <name>', 'print this artifact instead of the result')
    .action(async (ids: string[], options) => {
      const { artifact } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      await (ids.length === 1 ? one(services, cli.io, ids[0]!, artifact) : several(services, cli.io, ids, artifact));
    });

async function one(services: Services, io: Io, id: string, artifact: string | undefined): Promise<void> {
  const verified = await readResult(services, id, artifact);
  if (io.json) return io.data((await viewOf(services.store, verified, io)) satisfies Output<'result'>);
  await print(services.store, io, verified);
}

/** @throws SeveralErrors after all results were printed */
async function several(
  services: Services,
  io: Io,
  ids: readonly string[],
  artifact: string | undefined,
): Promise<void> {
  const results: Output<'result ID ID'>['results'] = [];
  const errors: AgentqError[] = [];
  for (const id of ids) {
    try {
      const verified = await readResult(services, id, artifact);
      if (io.json) {
        results.push(await viewOf(services.store, verified, io));
        continue;
      }
      io.line(`==> ${id} completed by ${visible(verified.task.completion.by)} <==`);
      await print(services.store, io, verified, true);
    } catch (error) {
      if (!(error instanceof AgentqError) || !OF_TASK.has(error.code)) throw error;
      errors.push(error);
    }
  }
  if (io.json) io.data({ results } satisfies Output<'result ID ID'>);
  if (errors.length > 0) throw new SeveralErrors(errors);
}

/** Errors that are about one task: the other results are printed. */
const OF_TASK: ReadonlySet<string> = new Set([
  'not-found',
  'drift',
  'failed',
  'cancelled',
  'expired',
  'not-finished',
  'too-large',
]);

async function viewOf(
  store: ArtifactStore,
  { task, content, artifact, unverified }: VerifiedResult,
  io: Io,
): Promise<Output<'result'>> {
  const { by, summary, result, result_ref, artifacts, empty } = task.completion;
  if (unverified) warnOfRef(io, by, result_ref);
  return {
    task_id: task.id,
    by,
    summary,
    ...(result && { result: fileView(store, result) }),
    ...(result_ref !== undefined && { result_ref }),
    ...(artifact && { artifact: artifact.name }),
    ...(content && contentView(await wholeContent(task.id, content))),
    artifacts: artifacts.map((one) => fileView(store, one)),
    ...(empty && { empty }),
  };
}

/** @param isPart whether other results follow: then the content ends with a line break */
async function print(
  store: ArtifactStore,
  io: Io,
  { task, content, artifact, unverified }: VerifiedResult,
  isPart = false,
): Promise<void> {
  const { by, summary, result_ref, empty } = task.completion;
  if (unverified) warnOfRef(io, by, result_ref);
  if (empty) io.talk(`agentq: ${task.id} was completed ${EMPTY}`);
  if (!content) {
    const files = deliverables(task).map(({ name, path }) => `${name}  ${store.placeOf(path)}`);
    const lines = summary === undefined && files.length > 0 ? files : [summary ?? '', ...files];
    return io.line(visibleText(lines.join('\n')));
  }
  if (artifact) io.talk(`${artifact.name}  ${store.placeOf(artifact.path)}`);
  if (io.terminal)
    return io.line(visibleText((await wholeContent(task.id, content)).toString('utf8')).replace(/\n$/, ''));
  let last: number | undefined;
  await content.readInto((bytes) => {
    io.bytes(bytes);
    last = bytes.at(-1) ?? last;
  });
  if (isPart && last !== undefined && last !== 0x0a) io.line('');
}

function warnOfRef(io: Io, by: string, result_ref: string | undefined): void {
  io.talk(`agentq: warning: ${by} is no agentq worker: ${result_ref} has no recorded hash`);
}

/** The content unchanged: text as text, other bytes in Base64. */
function contentView(content: Buffer): Pick<Output<'result'>, 'content' | 'content_base64'> {
  return isUtf8(content) ? { content: content.toString('utf8') } : { content_base64: content.toString('base64') };
}
