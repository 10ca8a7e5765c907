import { test as base } from 'vitest';
import { takeTopology } from '../backend/support/topology-pool.ts';
import { amqpUrl } from '../broker/shared-broker.ts';
import { copyOf, preparedMachines } from './prepared-machines.ts';
import { type Machine, ROLES, Site } from './site.ts';

/** A coordinator and two workers, each on its own machine. */
export interface Cast {
  readonly site: Site;
  readonly lead: Machine;
  readonly one: Machine;
  readonly two: Machine;
}

/** The topology that `init` declares for a site. */
const DECLARED = {
  roles: ROLES,
  replyTos: ['results.coordinator'],
  replicated: false,
  retention: { days: 30, bytes: 10_000_000_000 },
};

/** Creates the workspace of the coordinator by `init`, and those of the workers as copies. */
export async function castOf(site: Site): Promise<Cast> {
  const lead = await site.machine('lead');
  return { site, lead, one: copyOf(lead, 'one'), two: copyOf(lead, 'two') };
}

/** A test with its own machines, whose exchanges and queues no other test uses at that time. It must not change them. */
export const test = base.extend('cast', async ({ task: _task }, { onCleanup }): Promise<Cast> => {
  const { names, giveBack } = await takeTopology(DECLARED);
  const site = new Site(amqpUrl(), { prefix: names.prefix });
  onCleanup(async () => {
    await site.clear();
    // What still ran was killed.
    await giveBack(true);
  });
  const [lead, one, two] = await preparedMachines(site, ['lead', 'one', 'two']);
  return { site, lead: lead!, one: one!, two: two! };
});

/** The same for tests that change exchanges and queues, which are then not used again. */
export const ownTest = base.extend('cast', async ({ task: _task }, { onCleanup }): Promise<Cast> => {
  const site = new Site(amqpUrl());
  onCleanup(() => site.close());
  return castOf(site);
});

/** Machines without a workspace, on the same broker. */
export const bareTest = base.extend('site', async ({ task: _task }, { onCleanup }) => {
  const site = new Site(amqpUrl());
  onCleanup(() => site.close());
  return site;
});
