import { test as base } from 'vitest';
import { amqpUrl } from '../broker/shared-broker.ts';
import { type Machine, Site } from './site.ts';

/** A coordinator and two workers, each on a machine of its own. */
export interface Cast {
  readonly site: Site;
  readonly lead: Machine;
  readonly one: Machine;
  readonly two: Machine;
}

export async function castOf(site: Site): Promise<Cast> {
  const lead = await site.machine('lead');
  const [one, two] = await Promise.all([site.machine('one'), site.machine('two')]);
  return { site, lead, one, two };
}

/** Each test's own machines, and own names on the broker that all tests share. */
export const test = base.extend('cast', async ({ task: _task }, { onCleanup }) => {
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
