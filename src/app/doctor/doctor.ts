import { chmodSync, statSync } from 'node:fs';
import { describeClockSkew } from '../../core/clock-skew.ts';
import { join } from 'node:path';
import { describeStuck } from '../../core/task/stuck.ts';
import { desertedRoles } from '../stuck/deserted-roles.ts';
import { stuckTasks } from '../stuck/stuck-tasks.ts';
import type { Diagnosis } from './diagnosis.ts';
import { diagnoseEvidence } from './doctor-evidence.ts';
import { diagnoseOutbox } from './doctor-outbox.ts';
import { diagnosePruned } from './doctor-pruned.ts';
import { leftOverScratch } from './left-over-scratch.ts';
import { unusedCaches } from './unused-caches.ts';
import { removeFolder } from '../../files/remove-folder.ts';
import type { Services } from '../workspace/services.ts';

/**
 * Cross-checks the store's file, the projection against the log, every piece of evidence against its record, and the
 * folders against both. With `repair`, it makes the repairs that cannot lose data: it rebuilds rows from the log,
 * removes the evidence of pruned tasks and unused scratch folders, and removes access rights that were never granted. It never changes other evidence.
 */
export async function diagnose(services: Services, repair: boolean): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = (await services.backend.audit(repair)).map((finding) => ({
    ...finding,
    severity: 'problem',
  }));
  found.push(...(await wrongClock(services)));
  found.push(...(await passedOver(services)));
  found.push(...(await diagnosePruned(services, repair)));
  found.push(...(await diagnoseEvidence(services, repair)));
  found.push(...(await deserted(services)));
  found.push(...(await stuckAttempts(services)));
  found.push(...(await unusedScratch(services, repair)));
  found.push(...diagnoseOutbox(services));
  found.push(...unusedCaches(services));
  found.push(...openRights(services, repair));
  return found;
}

/** The clock of this machine, if it differs from the clock of the queue. */
async function wrongClock({ backend }: Services): Promise<Diagnosis[]> {
  const skew = await backend.clockSkew?.();
  if (!skew) return [];
  const problem = `${describeClockSkew(skew)}: synchronize it, for example with NTP`;
  return [{ subject: skew.machine, problem, severity: 'advice', repaired: false }];
}

/** The maximum number of unreadable log entries, and of stuck tasks, in the report. */
const NAMED = 10;

/** Unreadable entries of the log, with their senders. Readers skip them. */
async function passedOver({ backend }: Services): Promise<Diagnosis[]> {
  const all = (await backend.passedOver?.()) ?? [];
  const named = all.slice(0, NAMED).map(({ offset, key, user, reason }): Diagnosis => {
    const sender = user === null ? `key ${key}` : `key ${key}, user ${user}`;
    const problem = `was passed over: ${reason} (${sender})`;
    return { subject: `log entry ${offset}`, problem, severity: 'advice', repaired: false };
  });
  const problem = `${all.length - NAMED} earlier entries were passed over as well`;
  if (all.length <= NAMED) return named;
  return [...named, { subject: 'log', problem, severity: 'advice', repaired: false }];
}

/** Roles in which a task has waited for `stuck_after`, and without a worker for as long. */
async function deserted(services: Services): Promise<Diagnosis[]> {
  return desertedRoles(services, await services.backend.counts()).map(({ role, queued }) => ({
    subject: role,
    problem: `${queued} queued, and no worker has claimed recently: agentq work --as ${role} -- …`,
    severity: 'advice',
    repaired: false,
  }));
}

/** Running tasks that seem to be stuck. */
async function stuckAttempts(services: Services): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for await (const { task, stuck } of stuckTasks(services, { statuses: ['working'] })) {
    const problem = `seems to be stuck: ${describeStuck(stuck, services.backend.now)}`;
    found.push({ subject: task.id, problem, severity: 'advice', repaired: false });
    if (found.length <= NAMED) continue;
    found.pop();
    found.push({
      subject: 'queue',
      problem: 'more tasks seem to be stuck: agentq list --stuck',
      severity: 'advice',
      repaired: false,
    });
    break;
  }
  return found;
}

/** Scratch that no attempt uses. It may belong to another user, who must run doctor to remove it. */
async function unusedScratch(services: Services, repair: boolean): Promise<Diagnosis[]> {
  return (await leftOverScratch(services)).map((name) => {
    const kept = repair ? problemOf(() => removeFolder(join(services.workspace.runDir, name))) : undefined;
    const problem = `scratch folder of an attempt that has ended${kept === undefined ? '' : `; it cannot be removed: ${kept}`}`;
    return {
      subject: `run/${name}`,
      problem,
      severity: 'problem',
      repairable: true,
      repaired: repair && kept === undefined,
    } as const;
  });
}

function problemOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function openRights({ workspace }: Services, repair: boolean): Diagnosis[] {
  const paths = ['config.json', 'agentq.db', 'agentq.db-wal', 'agentq.db-shm'].map((name) => join(workspace.dir, name));
  return paths.flatMap((path) => {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode === undefined || (mode & 0o777 & ~workspace.modes.file) === 0) return [];
    // Only the owner can repair it. For other users it remains a problem.
    const kept = repair ? problemOf(() => chmodSync(path, mode & workspace.modes.file)) : undefined;
    const problem = `mode ${(mode & 0o777).toString(8)} gives others access; it was created with ${workspace.modes.file.toString(8)}`;
    return [
      {
        subject: path,
        problem,
        severity: 'problem',
        repairable: true,
        repaired: repair && kept === undefined,
      } as const,
    ];
  });
}
