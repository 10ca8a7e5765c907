import { checkEnvelopeSize } from '../../core/envelope/envelope.ts';
import { AgentqError } from '../../core/errors.ts';
import { INSISTING, refuseSecret } from '../../core/secrets/find-secret.ts';
import type { Edits } from '../../core/task/event.ts';
import { isEditable, type Task } from '../../core/task/task.ts';
import { applyCommand, findTask } from './apply-command.ts';
import { refuseUnnamedRole } from '../names/role-check.ts';
import { rolePolicy } from '../workspace/config.ts';
import type { Services } from '../workspace/services.ts';

export interface EditRequest {
  readonly id: string;
  readonly by: string;
  readonly reason?: string | undefined;
  readonly set: Edits;
  readonly allowSecret: boolean;
}

/**
 * Changes values of a task that no worker has begun. They are checked as in a submit.
 * @returns the task, and whether anything changed
 * @throws AgentqError `conflict` if a worker has begun it; `secret`, `too-large`, `usage`, `not-found`; `topology` if a
 *   broker does not know the new role
 */
export async function edit(
  services: Services,
  { id, by, reason, set, allowSecret }: EditRequest,
): Promise<{ readonly task: Task; readonly changed: boolean }> {
  if (set.to !== undefined) await refuseUnnamedRole(services, set.to);
  if (!allowSecret) {
    await refuseSecret(set.instructions, 'the instructions', INSISTING);
    await refuseSecret(reason, 'the reason', INSISTING);
  }
  const task = await findTask(services, id);
  const { envelope, context } = task;
  if (isEditable(task)) {
    const isBlank = set.instructions !== undefined && set.instructions.trim() === '';
    if (isBlank && !context && envelope.context_ref === undefined)
      throw new AgentqError('usage', `${id} has no context, so it needs instructions`, 'give --instructions TEXT');
    checkEnvelopeSize({ ...envelope, ...set });
  }
  return applyCommand(services, id, {
    type: 'edit',
    by,
    set,
    ...(reason !== undefined && { reason }),
    ...(set.to !== undefined && { max_attempts: rolePolicy(services.workspace.config, set.to).maxAttempts }),
  });
}
