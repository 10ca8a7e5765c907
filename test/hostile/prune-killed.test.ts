import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/open.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { finishTasks, killAfterEachChange, makeWorkspace } from './support/prune-killed.ts';
import { openServices } from './support/services.ts';

const TASKS = 3;

test('a prune that is killed after any of its changes removes nothing else, and the next prune completes it', async () => {
  const template = await makeWorkspace();
  await createBackend(storeOptions(template));
  const services = await openServices(template);
  await finishTasks(services, TASKS);
  await services.backend.close();
  const copy = async () => {
    const dir = join(scratchFolder(), '.agentq');
    mkdirSync(dir);
    cpSync(template, dir, { recursive: true });
    return { dir };
  };
  expect(await killAfterEachChange(copy, TASKS)).toBeGreaterThanOrEqual(8);
}, 120_000);
