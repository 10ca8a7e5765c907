import { expect, onTestFinished, test } from 'vitest';
import { makeAmqpHarness } from '../backend/support/amqp-harness.ts';
import { finishTasks, hasText, killAfterEachChange, makeWorkspace, type Place } from './support/prune-killed.ts';
import { openServices } from './support/services.ts';

const TASKS = 1;

/** A workspace with a snapshot that contains the text of its tasks. */
async function newPlace(): Promise<Place> {
  const { url, close } = await makeAmqpHarness({ roles: ['r'] });
  onTestFinished(close);
  const dir = await makeWorkspace();
  const services = await openServices(dir, url);
  await finishTasks(services, TASKS);
  await services.backend.snapshot!();
  await services.backend.close();
  expect(hasText(dir)).toBe(true);
  return { dir, url };
}

test('a prune on a broker that is killed after any of its changes removes nothing else, and the next prune completes it', async () => {
  expect(await killAfterEachChange(newPlace, TASKS)).toBeGreaterThanOrEqual(8);
}, 120_000);
