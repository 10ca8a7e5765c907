import { type Cost, costField } from '../../core/cost.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { INSISTING, refuseSecret } from '../../core/secrets/find-secret.ts';
import type { Task } from '../../core/task/task.ts';
import { rolePolicy } from '../workspace/config.ts';
import { findTask, applyCommand } from './apply-command.ts';
import type { Services } from '../workspace/services.ts';

export interface FailRequest {
  readonly id: string;
  readonly by: string;
  readonly attempt?: number | undefined;
  readonly reason: string;
  /** Whether another attempt may follow, if the task has one left. */
  readonly retry: boolean;
  readonly artifacts?: readonly Evidence[];
  readonly cost?: Cost | undefined;
  readonly allowSecret: boolean;
}

export async function fail(services: Services, request: FailRequest): Promise<{ task: Task; changed: boolean }> {
  const { id, by, attempt, reason, retry, artifacts = [], allowSecret } = request;
  if (!allowSecret) await refuseSecret(reason, 'the reason', INSISTING);
  const command = { type: 'fail', by, attempt, reason, artifacts, ...costField(request) } as const;
  if (!retry) return applyCommand(services, id, command);
  const { envelope } = await findTask(services, id);
  return applyCommand(services, id, {
    ...command,
    backoff: rolePolicy(services.workspace.config, envelope.to).backoff,
  });
}
