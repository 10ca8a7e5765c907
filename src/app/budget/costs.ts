import type { Backend } from '../../backend/backend.ts';
import { type Cost, roundedCost, toUsd } from '../../core/cost.ts';

/** What was spent on each scope in total, by its name (`scope.ts`). Scopes without a reported cost are absent. */
export async function readCosts(backend: Backend): Promise<ReadonlyMap<string, Cost>> {
  const spending = await backend.things('spending');
  return new Map(
    spending.flatMap(({ id, state: { micro_usd, tokens } }) => {
      const cost = roundedCost({
        ...(micro_usd !== 0 && { usd: toUsd(micro_usd) }),
        ...(tokens !== 0 && { tokens }),
      });
      return cost ? [[id, cost] as const] : [];
    }),
  );
}
