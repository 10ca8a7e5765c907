import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { complete } from '../../../src/app/change/complete.ts';
import { diagnose } from '../../../src/app/doctor/doctor.ts';
import { prune } from '../../../src/app/prune/prune.ts';
import { submit } from '../../../src/app/submit/submit.ts';
import { initWorkspace } from '../../../src/app/workspace/init-workspace.ts';
import type { Services } from '../../../src/app/workspace/services.ts';
import { noteStore } from '../../../src/app/workspace/workspace.ts';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import { parseSubmission } from '../../../src/core/envelope/submission.ts';
import { Child } from '../../backend/support/child.ts';
import { scratchFolder } from '../../backend/support/scratch.ts';
import { openServices } from './services.ts';

const SCRIPT = new URL('../processes/prune-until-killed.ts', import.meta.url);

/** The folder of a new workspace with a store. */
export async function makeWorkspace(): Promise<string> {
  const dir = scratchFolder();
  const made = await initWorkspace(dir, { cwd: dir }, {});
  noteStore(made, await new FsStore(made.storeDir, 0o600, 0o700).make('the-store'));
  return made.dir;
}

/** Submits and completes tasks with evidence: t1, t2, ... */
export async function finishTasks(services: Services, count: number): Promise<void> {
  const files = scratchFolder();
  const file = (name: string) => {
    writeFileSync(join(files, name), name);
    return join(files, name);
  };
  for (let n = 0; n < count; n++) {
    const submission = parseSubmission({ to: 'r', from: 'lead', type: 'x', instructions: TEXT });
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
}

const TEXT = 'the text of the task';

const namesIn = (dir: string, folder: string) =>
  existsSync(join(dir, folder))
    ? readdirSync(join(dir, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`)
    : [];

const evidenceIn = (dir: string) => ['tasks', 'results', 'artifacts'].flatMap((folder) => namesIn(dir, folder));

/** The snapshots that contain the text of a task. */
const textIn = (dir: string) =>
  namesIn(dir, 'snapshots').filter(
    (name) => name.endsWith('.gz') && gunzipSync(readFileSync(join(dir, name))).includes(TEXT),
  );

/** A queue with some finished tasks. */
export interface Place {
  /** The folder of its workspace. */
  readonly dir: string;
  /** The URL of its broker, if it is on one. */
  readonly url?: string;
}

/**
 * Prunes the tasks of a new place again and again, and kills the process one change later each time. Checks that
 * nothing else is lost, and that the next process finishes the prune.
 * @param tasks how many tasks each place has
 * @returns how often the process was killed before it was done
 */
export async function killAfterEachChange(newPlace: () => Promise<Place>, tasks: number): Promise<number> {
  for (let n = 1; ; n++) {
    const { dir, url } = await newPlace();
    expect(evidenceIn(dir)).not.toEqual([]);
    const child = new Child(SCRIPT, [dir, String(n), ...(url === undefined ? [] : [url])]);
    const done = await child.output().catch(() => undefined);
    const services = await openServices(dir, url);
    const { backend } = services;
    // The first change removes the tasks. All other changes only remove their files.
    expect(await backend.list({ limit: 10 })).toEqual([]);
    await backend.counts();
    expect((await backend.pruned('t1'))?.status).toBe('completed');
    const left = (await diagnose(services, false)).filter(({ severity }) => severity === 'problem');
    expect(left.every(({ problem, repairable }) => repairable && problem.startsWith('was pruned'))).toBe(true);
    if (n === 1) expect(left).toHaveLength(tasks);
    if (n % 2 === 0) {
      await diagnose(services, true);
      expect(evidenceIn(dir)).toEqual([]);
    }
    await prune(services, { before: 0, keep_dead: false, remember: 1e9, dryRun: false });
    expect(evidenceIn(dir)).toEqual([]);
    expect(textIn(dir)).toEqual([]);
    expect((await diagnose(services, false)).filter(({ severity }) => severity === 'problem')).toEqual([]);
    await backend.close();
    if (done) return n - 1;
  }
}

/** @returns whether the snapshots of a place contain the text of its tasks */
export const hasText = (dir: string): boolean => textIn(dir).length > 0;
