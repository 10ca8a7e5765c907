import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { claim } from '../../src/app/assignment/claim.ts';
import { complete } from '../../src/app/change/complete.ts';
import { collect } from '../../src/app/inbox.ts';
import { diagnose } from '../../src/app/doctor/doctor.ts';
import { prepareAttempt, resultPath } from '../../src/app/evidence/evidence-paths.ts';
import { prune } from '../../src/app/prune/prune.ts';
import { readResult, wholeContent } from '../../src/app/result.ts';
import { submit } from '../../src/app/submit/submit.ts';
import { rolePolicy } from '../../src/app/workspace/config.ts';
import type { Services } from '../../src/app/workspace/services.ts';
import { initWorkspace } from '../../src/app/workspace/init-workspace.ts';
import { findWorkspace, noteStore } from '../../src/app/workspace/workspace.ts';
import { Worker } from '../../src/app/worker/worker.ts';
import { createBackend, openBackend } from '../../src/backend/open.ts';
import { taskView } from '../../src/cli/output/views.ts';
import { parseSubmission } from '../../src/core/envelope/submission.ts';
import type { TaskIn } from '../../src/core/task/task.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { type FarHarness, farHarness } from './store-harness.ts';

interface Site {
  readonly lead: Services;
  readonly worker: Services;
  readonly far: FarHarness;
}

/** Two machines that share a queue and a store on a third machine, but no local folder for evidence. */
async function site(): Promise<Site> {
  const far = await farHarness();
  const dir = scratchFolder();
  const id = await far.open().make('far-store');
  noteStore(await initWorkspace(dir, { cwd: dir }, {}), id);
  await createBackend(storeOptions(dir));
  let ids = 0;
  const machine = async (): Promise<Services> => {
    const backend = await openBackend(storeOptions(dir));
    onTestFinished(() => backend.close());
    const workspace = await findWorkspace(dir, { cwd: dir });
    const monotonic = () => performance.now();
    return { workspace, backend, store: far.open(id), clock: Date.now, monotonic, newId: () => `task-${++ids}` };
  };
  return { lead: await machine(), worker: await machine(), far };
}

const BACKGROUND = 'the background of the task';

/** A task with a context, submitted by the lead. */
async function submitted({ lead }: Site, context = BACKGROUND): Promise<string> {
  const file = join(scratchFolder(), 'context.md');
  writeFileSync(file, context);
  const submission = parseSubmission({ to: 'r', from: 'lead', type: 'x' });
  return (await submit(lead, { submission, context: { file }, allowSecret: false })).task.id;
}

async function claimed({ worker }: Site): Promise<TaskIn<'working'>> {
  const { task } = await claim(worker, { role: 'r', worker: 'w', lease: 60_000 }, worker.monotonic());
  return task!;
}

/** Writes the files of a claimed task to the local paths of its attempt, and completes the task. */
async function completed({ worker }: Site, { id }: TaskIn<'working'>, folder: string): Promise<void> {
  writeFileSync(worker.store.staging.locate(resultPath(id, 1)), 'the result');
  writeFileSync(join(folder, 'patch.diff'), 'a patch');
  await complete(worker, { id, by: 'r', attempt: 1, artifacts: [], allowSecret: false, warn: () => {} });
}

/** A task that the worker has completed with a result and an artifact. */
async function done(at: Site): Promise<string> {
  const id = await submitted(at);
  const task = await claimed(at);
  await completed(at, task, prepareAttempt(at.worker.store.staging, task));
  return id;
}

/** Runs a worker until its role has no task. Each child is a shell with this script. */
async function work({ worker }: Site, script: string): Promise<{ ends: string[]; warnings: string[] }> {
  const ends: string[] = [];
  const warnings: string[] = [];
  await new Worker(worker, {
    role: 'r',
    worker: 'w',
    concurrency: 1,
    policy: rolePolicy(worker.workspace.config, 'r'),
    killGrace: 1_000,
    untilEmpty: true,
    briefOnly: false,
    command: '/bin/sh',
    args: ['-c', script],
    cwd: scratchFolder(),
    env: process.env,
    warn: (line) => warnings.push(line),
    onIdle: () => {},
    onStart: () => {},
    onEnd: ({ outcome }) => ends.push(outcome),
  }).run();
  return { ends, warnings };
}

describe('with a store on another machine', () => {
  test('prune removes the evidence from the store and from the staging folder', async () => {
    const at = await site();
    const { worker, far } = at;
    const id = await done(at);
    expect([...far.server.files.keys()]).toHaveLength(3);
    const request = { before: Date.now() + 1, keep_dead: false, remember: 1e9 };
    const expected = { tasks: 1, files: 3, referred: 0 };
    expect(await prune(worker, { ...request, dryRun: true })).toMatchObject(expected);
    expect(await prune(worker, { ...request, dryRun: false })).toMatchObject(expected);
    expect([...far.server.files.keys()]).toEqual([]);
    for (const path of [resultPath(id, 1), `artifacts/${id}`])
      expect(existsSync(worker.store.staging.locate(path))).toBe(false);
  });

  test('a task runs from its submit to its result', async () => {
    const at = await site();
    const { lead, worker, far } = at;
    const id = await submitted(at);
    const task = await claimed(at);
    const folder = prepareAttempt(worker.store.staging, task);
    const { file } = await worker.store.fetch(task.context!);
    expect(readFileSync(file!, 'utf8')).toBe(BACKGROUND);
    await completed(at, task, folder);

    const result = await readResult(lead, id);
    expect((await wholeContent(id, result.content!)).toString()).toBe('the result');
    const paths = [`artifacts/${id}/1/patch.diff`, `results/${id}.md`, `tasks/${id}.md`];
    expect([...far.server.files.keys()].toSorted()).toEqual(paths);
    expect(taskView(lead.store, (await lead.backend.task(id))!)).toMatchObject({
      status: 'completed',
      artifacts: [{ name: 'patch', ref: `${far.server.url}/files/${paths[0]}` }],
    });
    const { messages } = await collect(lead, { queue: 'results.lead', limit: 1, keep: true, deadline: 0 });
    expect(messages).toMatchObject([{ task_id: id, result_ref: `${far.server.url}/files/${paths[1]}` }]);
    expect(messages[0]).not.toHaveProperty('drift');
    expect(await diagnose(lead, false)).toEqual([]);
  });

  test('a worker runs a child on local files', async () => {
    const at = await site();
    const { lead } = at;
    const id = await submitted(at);
    const { ends, warnings } = await work(
      at,
      'echo working; cp "$AGENTQ_CONTEXT_FILE" "$AGENTQ_RESULT_FILE"; echo patch > "$AGENTQ_ARTIFACTS_DIR/patch.diff"',
    );
    expect({ ends, warnings }).toEqual({ ends: ['completed'], warnings: [] });
    const { content, task } = await readResult(lead, id);
    expect((await wholeContent(id, content!)).toString()).toBe(BACKGROUND);
    expect(task.completion.artifacts.map(({ name }) => name).toSorted()).toEqual(['log', 'patch']);
  });

  test('a damaged file in a cache is fetched again', async () => {
    const at = await site();
    const id = await done(at);
    const content = async () => (await wholeContent(id, (await readResult(at.lead, id)).content!)).toString();
    expect(await content()).toBe('the result');
    at.far.damageCaches();
    expect(await content()).toBe('the result');
    expect(await diagnose(at.lead, false)).toEqual([]);
  });

  test('result, inbox and doctor find a damaged file in the store, also if a cache has a good copy', async () => {
    const at = await site();
    const id = await done(at);
    at.far.damage(`results/${id}.md`, 'forged');
    for (const machine of [at.lead, at.worker]) {
      await expect(readResult(machine, id)).rejects.toMatchObject({ code: 'drift' });
      expect(await diagnose(machine, false)).toMatchObject([{ subject: id, severity: 'problem' }]);
    }
    const { messages } = await collect(at.lead, { queue: 'results.lead', limit: 1, keep: true, deadline: 0 });
    expect(messages).toMatchObject([{ drift: [expect.stringContaining('was changed')] }]);
  });

  test('a changed context fails the attempt, and the child is not started', async () => {
    const at = await site();
    const id = await submitted(at);
    at.far.damage(`tasks/${id}.md`, 'forged');
    const begun = join(scratchFolder(), 'begun');
    expect((await work(at, `echo > ${begun}`)).ends).toEqual(['failed']);
    expect(existsSync(begun)).toBe(false);
    expect(await at.lead.backend.task(id)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('was changed'),
    });
  });

  test('a refused completion leaves nothing in the store', async () => {
    const at = await site();
    const id = await submitted(at);
    const task = await claimed(at);
    prepareAttempt(at.worker.store.staging, task);
    const request = { id, by: 'r', artifacts: [], allowSecret: false, warn: () => {} };
    await complete(at.lead, { ...request, attempt: 1, summary: 'first' });
    writeFileSync(at.worker.store.staging.locate(resultPath(id, 1)), 'too late');
    await expect(complete(at.worker, { ...request, attempt: 1 })).rejects.toMatchObject({ code: 'conflict' });
    expect([...at.far.server.files.keys()]).toEqual([`tasks/${id}.md`]);
  });

  test('a completion reads the task only if its attempt left a file', async () => {
    const at = await site();
    const asked = vi.spyOn(at.worker.backend, 'task');
    const [first, second] = [await submitted(at), await submitted(at)];
    for (const [id, file] of [
      [first, undefined],
      [second, 'patch.diff'],
    ] as const) {
      const folder = prepareAttempt(at.worker.store.staging, await claimed(at));
      if (file !== undefined) writeFileSync(join(folder, file), 'a patch');
      const request = { id, by: 'r', artifacts: [], allowSecret: false, warn: () => {} };
      await complete(at.worker, { ...request, attempt: 1, summary: 'done' });
      expect(asked).toHaveBeenCalledTimes(file === undefined ? 0 : 1);
    }
    expect(await at.lead.backend.task(second)).toMatchObject({
      status: 'completed',
      completion: { artifacts: [{ name: 'patch' }] },
    });
  });

  test('a completion without a file of an attempt that lost its task is refused and recorded', async () => {
    const at = await site();
    const id = await submitted(at);
    prepareAttempt(at.worker.store.staging, await claimed(at));
    const request = { id, by: 'r', attempt: 1, artifacts: [], allowSecret: false, warn: () => {} };
    await complete(at.lead, { ...request, summary: 'first' });
    await expect(complete(at.worker, { ...request, summary: 'late' })).rejects.toMatchObject({ code: 'conflict' });
    expect((await at.lead.backend.history(id)).at(-1)).toMatchObject({ type: 'refused', command: 'complete' });
    const unknown = complete(at.worker, { ...request, id: 'task-unknown' });
    await expect(unknown).rejects.toMatchObject({ code: 'not-found' });
  });

  test('a store that does not answer is reported as a storage error and not as drift', async () => {
    const at = await site();
    const id = await done(at);
    at.far.server.broken = true;
    await expect(readResult(at.lead, id)).rejects.toMatchObject({ code: 'storage' });
    await expect(submitted(at)).rejects.toMatchObject({ code: 'storage' });
    expect((await diagnose(at.lead, false)).map(({ problem }) => problem)).toEqual([
      expect.stringContaining('answers with an error'),
    ]);
  });
});
