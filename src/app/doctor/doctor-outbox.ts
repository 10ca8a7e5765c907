import { join } from 'node:path';
import { otherQueue, whyWaiting, withHint } from '../outbox/flush-outbox.ts';
import { type OutboxCommand, REFUSED, refusedInOutbox, waitingInOutbox } from '../outbox/outbox.ts';
import { readEntry } from '../outbox/read-entry.ts';
import type { Services } from '../workspace/services.ts';
import type { Diagnosis } from './diagnosis.ts';

/** The entries of the outbox: why each waits, or was refused, and what to do about it. */
export function diagnoseOutbox(services: Services): Diagnosis[] {
  const { workspace } = services;
  const about = (name: string, severity: Diagnosis['severity'], problem: string): Diagnosis => ({
    subject: `outbox/${name}`,
    problem,
    severity,
    repaired: false,
  });
  return [
    ...waitingInOutbox(workspace).map((name) => about(name, 'advice', waits(services, name))),
    ...refusedInOutbox(workspace).map((name) => about(name, 'problem', refused(services, name))),
  ];
}

function waits({ workspace, backend }: Services, name: string): string {
  const entry = readEntry(join(workspace.dir, 'outbox', name));
  const reason = (entry && otherQueue(entry, backend)) ?? whyWaiting(workspace, name);
  return `waits for the broker${reason === undefined ? '' : `: ${reason}`}`;
}

function refused({ workspace }: Services, name: string): string {
  const entry = readEntry(join(workspace.dir, 'outbox', name));
  const why = withHint(entry?.refused ?? { message: 'the file contains no reason' });
  const again = entry ? `, or run: ${commandFor(entry.task_id, entry.command, workspace.storeDir)}` : '';
  return `was refused by the queue: ${why}. To try again, remove ${REFUSED} from its name${again}. Otherwise delete it`;
}

/** The command that repeats the entry. The user fills in the rest. */
function commandFor(id: string, command: OutboxCommand, storeDir: string): string {
  if (command.type === 'submit') return `agentq submit --to ${command.envelope.to} with the fields of its envelope`;
  const start = `agentq ${command.type} ${id} --from ${command.by}`;
  if (command.type === 'fail') return `${start} --reason …`;
  return `${start} ${command.result ? `--result-file ${join(storeDir, command.result.path)}` : '--summary …'}`;
}
