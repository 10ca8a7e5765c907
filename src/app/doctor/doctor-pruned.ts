import { counted } from '../../core/counted.ts';
import type { Diagnosis } from './diagnosis.ts';
import { ownEvidence, removeEvidence } from '../prune/remove-evidence.ts';
import type { Services } from '../workspace/services.ts';
import { awayStore, findDrift } from '../evidence/verify.ts';

/** How many pruned tasks are looked at. */
const LOOKED_AT = 1_000;

/** Evidence that a killed process has not removed after it pruned its task. */
export async function diagnosePruned(services: Services, repair: boolean): Promise<Diagnosis[]> {
  const { store, backend } = services;
  // A missing store is reported with the evidence.
  if (await awayStore(store)) return [];
  const found: Diagnosis[] = [];
  for (const task of await backend.prunedEvidence(LOOKED_AT)) {
    const evidence = ownEvidence(task);
    const gone = (await findDrift(store, evidence)).filter(({ kind }) => kind === 'missing').length;
    if (gone === evidence.length) continue;
    const problem = `was pruned, and the store still has ${counted(evidence.length - gone, 'file')} of it`;
    found.push({ subject: task.id, problem, severity: 'problem', repairable: true, repaired: repair });
  }
  if (repair) await removeEvidence(services);
  return found;
}
