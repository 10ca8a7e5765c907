import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { complete } from '../../src/app/complete.ts';
import { diagnose } from '../../src/app/doctor/doctor.ts';
import { prune } from '../../src/app/prune/prune.ts';
import { submit } from '../../src/app/submit/submit.ts';
import { initWorkspace } from '../../src/app/workspace/init-workspace.ts';
import type { Services } from '../../src/app/workspace/services.ts';
import { findWorkspace, noteStore } from '../../src/app/workspace/workspace.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { parseSubmission } from '../../src/core/envelope/submission.ts';
import { Child } from '../backend/support/child.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';

const SCRIPT = new URL('processes/prune-until-killed.ts', import.meta.url);

async function open(dir: string): Promise<Services> {
  const workspace = await findWorkspace(dir, { cwd: dir });
  const store = new FsStore(workspace.storeDir, 0o600, 0o700, workspace.storeId);
  const backend = await openBackend(storeOptions(dir));
  let ids = 0;
  return { workspace, backend, store, clock: Date.now, monotonic: () => performance.now(), newId: () => `t${++ids}` };
}

/** A workspace with three finished tasks that have evidence. */
async function workspace(): Promise<string> {
  const dir = scratchFolder();
  const made = await initWorkspace(dir, { cwd: dir }, {});
  noteStore(made, await new FsStore(made.storeDir, 0o600, 0o700).make('the-store'));
  await createBackend(storeOptions(made.dir));
  const services = await open(made.dir);
  const files = scratchFolder();
  const file = (name: string) => {
    writeFileSync(join(files, name), name);
    return join(files, name);
  };
  for (let n = 0; n < 3; n++) {
    const submission = parseSubmission({ to: 'r', from: 'lead', type: 'x' });
    const { task } = await submit(services, { submission, context: { file: file('c.md') }, allowSecret: false });
    await complete(services, {
      id: task.id,
      by: 'r',
      attempt: undefined,
      resultFile: { file: file('r.md') },
      artifacts: [{ name: 'patch', file: file('p.diff') }],
      allowSecret: false,
      warn: () => {},
    });
  }
  await services.backend.close();
  return made.dir;
}

const filesIn = (dir: string) =>
  ['tasks', 'results', 'artifacts'].flatMap((folder) =>
    readdirSync(join(dir, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );

test('a prune that is killed after any of its changes removes nothing else, and the next prune completes it', async () => {
  const template = await workspace();
  expect(filesIn(template)).not.toEqual([]);
  let kills = 0;
  for (let n = 1; ; n++) {
    const dir = join(scratchFolder(), '.agentq');
    mkdirSync(dir);
    cpSync(template, dir, { recursive: true });
    const child = new Child(SCRIPT, [dir, String(n)]);
    const done = await child.output().catch(() => undefined);
    const services = await open(dir);
    // The first change removes the tasks. All other changes only remove their files.
    expect(await services.backend.list({ limit: 10 })).toEqual([]);
    expect((await services.backend.pruned('t1'))?.status).toBe('completed');
    const left = (await diagnose(services, false)).filter(({ severity }) => severity === 'problem');
    expect(left.every(({ problem, repairable }) => repairable && problem.startsWith('was pruned'))).toBe(true);
    if (n % 2 === 0) await diagnose(services, true);
    else await prune(services, { before: 0, keep_dead: false, remember: 1e9, dryRun: false });
    expect(filesIn(dir)).toEqual([]);
    expect(await diagnose(services, false)).toEqual([]);
    await services.backend.close();
    if (done) break;
    kills++;
    if (n === 1) expect(left).toHaveLength(3);
  }
  expect(kills).toBeGreaterThanOrEqual(8);
}, 120_000);
