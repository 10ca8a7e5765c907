import { describeStuck, type Stuck } from '../../../core/task/stuck.ts';
import type { StuckView } from '../schemas/outputs.ts';
import { iso } from '../views.ts';

/** Why a task seems to be stuck, in the form of the JSON output. @param now ms since 1970 */
export function stuckView(stuck: Stuck, now: number): StuckView {
  const { reason, since } = stuck;
  return {
    reason,
    since: iso(since),
    detail: describeStuck(stuck, now),
    ...(stuck.reason === 'only-renewed' && stuck.renewals !== undefined && { renewals: stuck.renewals }),
  };
}
