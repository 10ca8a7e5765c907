import { isUtf8 } from 'node:buffer';
import { readResult, wholeContent } from '../../app/result.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { EMPTY } from '../output/task-text.ts';
import { fileView } from '../output/views.ts';
import { visibleText } from '../output/visible.ts';

export const define: Define = (command, context) =>
  command.argument('<id>').action(async (id: string) => {
    const cli = context();
    const { io } = cli;
    const services = await cli.services();
    const { store } = services;
    const { task, content, unverified } = await readResult(services, id);
    const { by, summary, result, result_ref, artifacts, empty } = task.completion;
    if (unverified) io.talk(`agentq: warning: ${by} is no agentq worker: ${result_ref} has no recorded hash`);
    if (empty && !io.json) io.talk(`agentq: ${id} was completed ${EMPTY}`);
    if (io.json) {
      io.data({
        task_id: id,
        by,
        summary,
        ...(result && { result: fileView(store, result) }),
        ...(result_ref !== undefined && { result_ref }),
        ...(content && contentView(await wholeContent(id, content))),
        artifacts: artifacts.map((one) => fileView(store, one)),
        ...(empty && { empty }),
      } satisfies Output<'result'>);
    } else if (!content) io.line(visibleText(summary ?? ''));
    else if (io.terminal) io.line(visibleText((await wholeContent(id, content)).toString('utf8')).replace(/\n$/, ''));
    else await content.readInto((bytes) => io.bytes(bytes));
  });

/** The content unchanged: text as text, other bytes in Base64. */
function contentView(content: Buffer): Pick<Output<'result'>, 'content' | 'content_base64'> {
  return isUtf8(content) ? { content: content.toString('utf8') } : { content_base64: content.toString('base64') };
}
