import { afterAll } from 'vitest';
import { forgetMachines } from '../amqp/prepared-machines.ts';
import { removeTopologies } from '../backend/support/topology-pool.ts';

// The files of a process share their modules, so a module that registers this itself would do it for one file only.
afterAll(async () => {
  forgetMachines();
  await removeTopologies();
});
