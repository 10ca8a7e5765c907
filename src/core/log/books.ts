import type { Books } from '../budget/used-up.ts';
import { POLICY } from '../policy/policy.ts';
import type { World } from './kind.ts';
import type { LogKinds } from './kinds.ts';

/** What a world says about budgets. The policy is read once. */
export function booksOf(world: World<LogKinds>): Books {
  return {
    policy: world.find('policy', POLICY.id),
    spent: (scope) => world.find('spending', scope),
  };
}
