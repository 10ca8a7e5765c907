import { readdirSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { Child } from '../backend/support/child.ts';
import { hasProc, CONCURRENT, type Sandbox, test, until, wait } from '../worker/harness.ts';

/** Submits, claims and completes tasks with one command after another, and records what was confirmed. */
class Actor {
  readonly submitted = new Set<string>();
  readonly completed = new Set<string>();
  readonly #q: Sandbox;
  readonly #name: string;
  readonly #pause: number;
  readonly #ended: Promise<void>;
  #stopped = false;
  rounds = 0;

  /** @param pause after each round, in ms */
  constructor(q: Sandbox, name: string, pause: number) {
    this.#q = q;
    this.#name = name;
    this.#pause = pause;
    this.#ended = this.#work();
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const id = `${this.#name}-${this.rounds}`;
      const submitted = await this.#q.agentq('submit', '--to', 'r', '--id', id, '--instructions', 'x');
      if (submitted.code === 0) this.submitted.add(id);
      const claimed = await this.#q.agentq('claim', '--as', 'r', '--worker', this.#name, '--json');
      if (claimed.code === 0) {
        const { task_id, attempt } = JSON.parse(claimed.stdout) as Output<'claim'>;
        const options = ['--attempt', String(attempt), '--summary', `by ${this.#name}`];
        if ((await this.#q.agentq('complete', task_id, ...options)).code === 0) this.completed.add(task_id);
      }
      this.rounds++;
      await wait(this.#pause);
    }
  }

  /** Resolves after one more complete round. */
  async roundDone(): Promise<void> {
    const enough = this.rounds + 2;
    await until(`${this.#name} to complete a round`, () => this.rounds >= enough);
  }

  /** The ids that it has submitted in the rounds after this one. */
  submittedAfter(round: number): readonly string[] {
    return [...this.submitted].filter((id) => Number(id.split('-').at(-1)) > round);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }
}

const confirmed = (actors: readonly Actor[], what: 'submitted' | 'completed') =>
  new Set(actors.flatMap((actor) => [...actor[what]]));

/** The status of every task, by id. */
async function statuses(q: Sandbox): Promise<Map<string, string>> {
  const { tasks } = await q.json<Output<'list'>>('list', '--limit', '10000');
  return new Map(tasks.map(({ task_id, status }) => [task_id, status]));
}

/** Runs every command that reports on an attempt. @returns their exit codes */
async function report(q: Sandbox, id: string, attempt: number): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  for (const [verb, ...more] of [
    ['complete', '--summary', 'late'],
    ['fail', '--reason', 'late'],
    ['progress'],
    ['release'],
  ])
    codes.push((await q.agentq(verb!, id, '--attempt', String(attempt), ...more)).code);
  return codes;
}

describe(
  'a queue that is backed up and restored while a dozen processes work',
  { ...CONCURRENT, timeout: 240_000 },
  () => {
    test('has all tasks that were confirmed before the backup, and refuses workers that claimed after it', async ({
      q,
    }) => {
      for (const id of ['long-1', 'long-2', 'long-3']) await q.submit('--id', id, '--to', 'slow');
      const first = await q.json<Output<'claim'>>('claim', '--as', 'slow', '--worker', 'before');
      // The test waits for rounds of the first four. The others leave them most of the CPU time.
      const actors = Array.from({ length: 12 }, (_, n) => new Actor(q, `a${n}`, n < 4 ? 0 : 1_000));
      await Promise.all(actors.slice(0, 4).map((actor) => actor.roundDone()));

      const before = { submitted: confirmed(actors, 'submitted'), completed: confirmed(actors, 'completed') };
      expect(before.submitted.size).toBeGreaterThan(11);
      const { tasks } = await q.json<Output<'backup'>>('backup', 'b.db');
      expect(tasks).toBeGreaterThanOrEqual(before.submitted.size);

      const after = await q.json<Output<'claim'>>('claim', '--as', 'slow', '--worker', 'after');
      await q.submit('--id', 'lost', '--to', 'slow', '--priority', 'high');
      const lost = await q.json<Output<'claim'>>('claim', '--as', 'slow', '--worker', 'after');
      expect([after.task_id, lost.task_id]).toEqual(['long-2', 'lost']);
      await Promise.all(actors.slice(0, 3).map((actor) => actor.roundDone()));

      // All processes continue during the restore.
      const restored = await q.json<Output<'restore'>>('restore', 'b.db', '--force');
      expect(restored).toMatchObject({ tasks, epoch: 1, replaced: q.path('.agentq/agentq.db.before-1') });
      // A submit of the current round may have been committed before the restore.
      const atRestore = new Map(actors.map((actor) => [actor, actor.rounds]));
      await Promise.all(actors.slice(0, 3).map((actor) => actor.roundDone()));
      await Promise.all(actors.map((actor) => actor.stop()));

      const found = await statuses(q);
      expect([...before.submitted].filter((id) => !found.has(id))).toEqual([]);
      expect([...before.completed].filter((id) => found.get(id) !== 'completed')).toEqual([]);
      const since = actors.flatMap((actor) => actor.submittedAfter(atRestore.get(actor)!));
      expect(since.length).toBeGreaterThan(2);
      expect(since.filter((id) => !found.has(id))).toEqual([]);

      expect(await report(q, first.task_id, first.attempt)).toEqual([4, 4, 4, 4]);
      expect(await report(q, after.task_id, after.attempt)).toEqual([4, 4, 4, 4]);
      expect(await report(q, 'lost', lost.attempt)).toEqual([3, 3, 3, 3]);
      await q.submit('--id', 'lost', '--to', 'slow', '--priority', 'high');
      for (const id of ['lost', 'long-1', 'long-2']) {
        const { task_id, attempt } = await q.json<Output<'claim'>>('claim', '--as', 'slow', '--worker', 'new');
        expect(task_id).toBe(id);
        expect(attempt).toBeGreaterThan(1_000);
        expect(await report(q, id, 1)).toEqual([4, 4, 4, 4]);
        await q.ok('complete', id, '--attempt', String(attempt), '--summary', 'new');
      }
      const { stdout } = await q.agentq('doctor', '--json');
      expect(
        (JSON.parse(stdout) as Output<'doctor'>).findings.filter(
          ({ severity, subject }) => severity === 'problem' && !subject.endsWith('config.json'),
        ),
      ).toEqual([]);
    });

    test('is either unchanged or restored after a restore was killed', async ({ q }) => {
      await Promise.all(['a', 'b', 'c'].map((id) => q.submit('--id', id)));
      await q.ok('backup', 'b.db');
      await q.submit('--id', 'd');
      for (let n = 0; n < 12; n++) {
        const restoring = q.start('restore', 'b.db', '--force');
        await Promise.race([restoring.ended, wait(30 + n * 10)]);
        restoring.signal('SIGKILL');
        await restoring.ended;
        const found = [...(await statuses(q)).keys()].toSorted().join('');
        expect(['abc', 'abcd']).toContain(found);
        if (found === 'abc') await q.submit('--id', 'd');
      }
      const { epoch } = await q.json<Output<'restore'>>('restore', 'b.db', '--force');
      const left = readdirSync(q.path('.agentq')).filter((name) => name.startsWith('agentq.db.'));
      expect(left.filter((name) => !/^agentq\.db\.before-\d+$/.test(name))).toEqual([]);
      for (const name of left)
        expect(new DatabaseSync(q.path('.agentq', name)).prepare('PRAGMA integrity_check').get()).toEqual({
          integrity_check: 'ok',
        });
      const { attempt } = await q.json<Output<'claim'>>('claim', '--as', 'r');
      expect(attempt).toBe(epoch * 1_000 + 1);
    });

    test.skipIf(!hasProc)('is not replaced while another process has it open, also if it is damaged', async ({ q }) => {
      await q.submit('--id', 't');
      await q.ok('backup', 'b.db');
      const holder = new Child(new URL('../backend/processes/hold-lock.ts', import.meta.url), [
        q.path('.agentq/agentq.db'),
      ]);
      await holder.printed(1);
      writeFileSync(q.path('.agentq/agentq.db'), 'garbage '.repeat(2_000));
      const refused = await q.agentq('restore', 'b.db', '--force');
      expect(refused).toMatchObject({ code: 21 });
      expect(q.read('.agentq/agentq.db')).toContain('garbage');
      await holder.kill();
      await q.ok('restore', 'b.db', '--force');
      expect((await q.task('t')).status).toBe('queued');
    });

    test('ends the attempt of a worker that runs a task, and the task gets a new attempt', async ({ q }) => {
      await q.submit('--id', 't');
      await q.ok('backup', 'b.db');
      const worker = q.work('until_there never; echo late', '--lease', '2s');
      await worker.reported('started');
      await q.ok('restore', 'b.db', '--force');
      await worker.reported('lease-lost', { task_id: 't', attempt: 1 });
      const again = await worker.reported('started', { attempt: 1_001 });
      expect(again.task_id).toBe('t');
      expect(await q.task('t')).toMatchObject({ status: 'working', lease: { attempt: 1_001 } });
    });
  },
);
