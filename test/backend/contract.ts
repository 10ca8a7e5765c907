import { describe, expect, test } from 'vitest';
import { batches } from './contract/batches.ts';
import { budgets } from './contract/budgets.ts';
import { claims } from './contract/claims.ts';
import { commands } from './contract/commands.ts';
import { counts, roles } from './contract/counts.ts';
import { durability } from './contract/durability.ts';
import { endings } from './contract/ends.ts';
import type { Body, MakeHarness, Theme } from './contract/harness.ts';
import { editing } from './contract/editing.ts';
import { history } from './contract/history.ts';
import { inbox } from './contract/inbox.ts';
import { issuedEarlier } from './contract/issued-earlier.ts';
import { leaving } from './contract/leaving.ts';
import { lists } from './contract/lists.ts';
import { pruning } from './contract/pruning.ts';
import { races } from './contract/races.ts';
import { reachability } from './contract/reachability.ts';
import { redoing } from './contract/redoing.ts';
import { things } from './contract/things.ts';
import { time } from './contract/time.ts';
import { watches } from './contract/watches.ts';

const themes = {
  commands,
  batches,
  claims,
  races,
  time,
  issuedEarlier,
  reachability,
  leaving,
  history,
  lists,
  endings,
  counts,
  roles,
  inbox,
  watches,
  durability,
  pruning,
  redoing,
  things,
  budgets,
  editing,
} satisfies Readonly<Record<string, Theme>>;

export type ThemeName = keyof typeof themes;

export interface ContractOptions {
  /** Tests to skip: the name of the test, and the reason. A name without a test is an error. */
  readonly skip?: Readonly<Record<string, string>>;
  /** Time limit of one test in ms. The default is the limit in the configuration. */
  readonly timeout?: number;
  /** The themes to run. The default is all of them. */
  readonly only?: readonly ThemeName[];
}

/**
 * The contract that every backend must keep. The tests use only the port and the core, so all backends run the same
 * tests.
 */
export function backendContract(
  backend: string,
  makeHarness: MakeHarness,
  { skip = {}, timeout, only }: ContractOptions = {},
): void {
  const reasons = new Map(Object.entries(skip));
  describe(`${backend} keeps the contract of the storage port`, () => {
    for (const [name, theme] of Object.entries<Theme>(themes)) {
      if (only && !only.includes(name as ThemeName)) continue;
      describe(`about ${name}`, () => {
        for (const [sentence, body] of bodiesOf(theme)) {
          const reason = reasons.get(sentence);
          reasons.delete(sentence);
          // oxlint-disable-next-line vitest/valid-title -- the name is a string that the theme passes
          test(sentence, timeout === undefined ? {} : { timeout }, async (context) => {
            if (reason !== undefined) context.skip(reason);
            expect.hasAssertions();
            const harness = await makeHarness();
            try {
              await body(harness);
            } finally {
              await harness.close();
            }
          });
        }
      });
    }
    test('skips no test that does not exist', () => {
      expect([...reasons.keys()]).toEqual([]);
    });
  });
}

function bodiesOf(theme: Theme): ReadonlyMap<string, Body> {
  const bodies = new Map<string, Body>();
  theme((sentence, body) => {
    if (bodies.has(sentence)) throw new Error(`two tests are called: ${sentence}`);
    bodies.set(sentence, body);
  });
  return bodies;
}
