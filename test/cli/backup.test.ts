import { copyFileSync, cpSync, existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test as base } from 'vitest';
import { openBackend } from '../../src/backend/open.ts';
import { storeOptions } from '../backend/support/store-options.ts';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** Creates a completed task with all kinds of evidence, and tasks that are held, queued and failed. */
async function prepare(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  q.write('out.md', 'result');
  await q.ok('submit', '--to', 'r', '--id', 'done', '--file', 'context.md');
  await q.ok('complete', 'done', '--from', 'r', '--result-file', 'out.md', '--artifact', 'patch=out.md');
  await q.submit('broken');
  await q.ok('fail', 'broken', '--from', 'r', '--reason', 'no');
  await q.submit('held');
  await q.claim('--worker', 'w1');
  await q.submit('waiting');
}

async function everything(q: Shell): Promise<unknown> {
  const { tasks } = await q.json('list');
  return Promise.all(tasks.map(({ task_id }: { task_id: string }) => q.json('show', task_id)));
}

function removeDatabase(q: Shell): void {
  for (const end of ['', '-wal', '-shm']) rmSync(q.path(`.agentq/agentq.db${end}`), { force: true });
}

const octal = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('backup', () => {
  test('copies the queue into one file that only its owner may read, and lists the evidence', async ({ q }) => {
    await prepare(q);
    const before = await everything(q);
    expect(await q.json('backup', 'b.db')).toEqual({
      file: q.path('b.db'),
      tasks: 4,
      evidence: { listed: 3, bytes: 22 },
      drift: [],
    });
    expect(octal(q.path('b.db'))).toBe('600');
    expect(readdirSync(q.cwd).toSorted()).toEqual(['.agentq', 'b.db', 'context.md', 'out.md']);
    const db = new DatabaseSync(q.path('b.db'), { readOnly: true });
    expect(db.prepare('SELECT path, size, kept FROM backup_evidence ORDER BY path').all()).toEqual([
      { path: 'artifacts/done/1/patch.md', size: 6, kept: 0 },
      { path: 'results/done.md', size: 6, kept: 0 },
      { path: 'tasks/done.md', size: 10, kept: 0 },
    ]);
    db.close();
    expect(await everything(q)).toEqual(before);
    expect((await q.run('doctor')).code).toBe(0);
  });

  test('prints what it did', async ({ q }) => {
    await prepare(q);
    expect(await q.ok('backup', 'b.db')).toBe(
      `tasks in ${q.path('b.db')}: 4\nevidence listed, not copied (--with-evidence copies it): 3`,
    );
  });

  test('copies the evidence with --with-evidence, as it was recorded', async ({ q }) => {
    await prepare(q);
    const { evidence_dir } = await q.json('backup', 'b.db', '--with-evidence');
    expect(evidence_dir).toBe(q.path('b.db.evidence'));
    expect(q.files('b.db.evidence')).toEqual(['artifacts/done/1/patch.md', 'results/done.md', 'tasks/done.md']);
    expect(q.read('b.db.evidence/tasks/done.md')).toBe('background');
    expect(octal(q.path('b.db.evidence'))).toBe('700');
  });

  test('names the evidence that has drifted, and backs up the rest', async ({ q }) => {
    await prepare(q);
    q.write('.agentq/results/done.md', 'forged');
    rmSync(q.path('.agentq/tasks/done.md'));
    const ran = await q.run('backup', 'b.db', '--with-evidence', '--json');
    expect(ran.code).toBe(16);
    expect(
      ran
        .json()
        .drift.map(({ kind }: { kind: string }) => kind)
        .toSorted(),
    ).toEqual(['changed', 'missing']);
    expect(q.files('b.db.evidence')).toEqual(['artifacts/done/1/patch.md']);
    expect((await q.run('restore', 'b.db', '--force')).code).toBe(16);
  });

  test('overwrites a file only with --force, and never the queue itself', async ({ q }) => {
    await prepare(q);
    q.write('b.db', 'something else');
    expect(await q.refused('backup', 'b.db')).toMatchObject({ exit: 4 });
    expect(q.read('b.db')).toBe('something else');
    await q.ok('backup', 'b.db', '--force', '--with-evidence');
    await q.submit('more');
    expect(await q.json('backup', 'b.db', '--force', '--with-evidence')).toMatchObject({ tasks: 5 });
    for (const name of ['agentq.db', 'agentq.db-wal', 'agentq.db.copy'])
      expect(await q.refused('backup', `.agentq/${name}`, '--force')).toMatchObject({ exit: 2 });
    expect(await q.refused('backup', '.agentq', '--force')).toMatchObject({ exit: 2 });
    expect(await q.refused('backup', 'nowhere/b.db')).toMatchObject({ exit: 12 });
    expect(readdirSync(q.cwd).filter((name) => name.startsWith('b.db'))).toEqual(['b.db', 'b.db.evidence']);
  });

  test('refuses a damaged queue', async ({ q }) => {
    await prepare(q);
    const db = new DatabaseSync(q.path('.agentq/agentq.db'));
    db.exec("UPDATE events SET body = 'invalid'");
    db.close();
    expect(await q.refused('backup', 'b.db')).toMatchObject({ exit: 20 });
    expect(readdirSync(q.cwd).filter((name) => name.startsWith('b.db'))).toEqual([]);
  });
});

describe('restore', () => {
  test('restores everything into an empty workspace', async ({ q, bare }) => {
    await prepare(q);
    await q.ok('backup', 'b.db', '--with-evidence');
    const before = (await q.json('show', 'done')).task;
    rmSync(bare.path('.agentq'), { recursive: true });
    await q.ok('init');
    expect(await q.json('restore', 'b.db')).toMatchObject({
      tasks: 4,
      leases_ended: 1,
      epoch: 1,
      evidence: { listed: 3, brought_back: 3 },
      drift: [],
    });
    expect((await q.json('show', 'done')).task).toEqual(before);
    expect(await q.task('held')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
    expect((await q.json('result', 'done')).content).toBe('result');
    expect((await q.json('doctor')).findings.filter((one: any) => one.severity === 'problem')).toEqual([]);
    expect((await q.claim()).attempt).toBe(1_002);
  });

  test('replaces an existing queue only with --force, and keeps the previous one as a file', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    await q.submit('after');
    expect(await q.refused('restore', 'b.db')).toMatchObject({ exit: 4, hint: expect.stringContaining('--force') });
    expect((await q.task('after')).status).toBe('queued');
    const { replaced } = await q.json('restore', 'b.db', '--force');
    expect(replaced).toBe(q.path('.agentq/agentq.db.before-1'));
    expect(octal(replaced)).toBe('600');
    expect((await q.run('status', 'after')).code).toBe(3);
    expect(await q.json('restore', replaced, '--force')).toMatchObject({ tasks: 5, epoch: 2 });
    expect((await q.task('after')).status).toBe('queued');
    expect((await q.run('doctor')).code).toBe(0);
  });

  test('makes all earlier workers stale: each restore adds 1,000 to the attempt numbers', async ({ q }) => {
    await q.submit('t');
    await q.ok('backup', 'b.db');
    const lost = await q.claim('--worker', 'lost');
    expect(lost.attempt).toBe(1);
    for (const epoch of [1, 2]) {
      expect(await q.json('restore', 'b.db', '--force')).toMatchObject({ epoch });
      const numbers = [[], ['--attempt', '1'], ['--attempt', '2'], ['--attempt', String((epoch - 1) * 1_000 + 1)]];
      const stale = async () => {
        for (const number of numbers) {
          for (const command of [['complete'], ['fail', '--reason', 'x'], ['progress'], ['release']]) {
            const [verb, ...more] = command as [string, ...string[]];
            expect((await q.run(verb, 't', '--from', 'r', ...number, ...more)).code).toBe(4);
          }
        }
      };
      await stale();
      expect((await q.claim('--worker', 'new')).attempt).toBe(epoch * 1_000 + 1);
      await stale();
      expect(await q.task('t')).toMatchObject({ status: 'working', lease: { worker: 'new' } });
    }
    await q.ok('complete', 't', '--attempt', '2001', '--summary', 'done');
  });

  test('makes a worker stale whose task was submitted after the backup, also if the task is submitted again', async ({
    q,
  }) => {
    await q.submit('other');
    await q.ok('backup', 'b.db');
    await q.ok('cancel', 'other');
    await q.submit('t');
    const { attempt } = await q.claim();
    await q.ok('restore', 'b.db', '--force');
    await q.ok('cancel', 'other');
    await q.submit('t');
    expect((await q.run('complete', 't', '--attempt', String(attempt))).code).toBe(4);
    expect((await q.claim()).attempt).toBe(1_001);
    expect((await q.run('complete', 't', '--attempt', String(attempt))).code).toBe(4);
    expect((await q.run('complete', 't', '--from', 'r')).code).toBe(4);
    await q.ok('complete', 't', '--attempt', '1001', '--summary', 's');
  });

  test('adds 1,000 to the attempt numbers also if the first restored queue is lost', async ({ q }) => {
    await q.submit('t');
    await q.ok('backup', 'b.db');
    await q.ok('restore', 'b.db', '--force');
    expect((await q.claim()).attempt).toBe(1_001);
    removeDatabase(q);
    expect(await q.json('restore', 'b.db')).toMatchObject({ epoch: 2 });
    expect((await q.claim()).attempt).toBe(2_001);
  });

  for (const [what, damage] of Object.entries<(path: string) => void>({
    'is garbage': (path) => writeFileSync(path, 'garbage '.repeat(2_000)),
    'is truncated': (path) => truncateSync(path, Math.floor(statSync(path).size / 8_192) * 4_096),
    'is empty': (path) => truncateSync(path, 0),
    'belongs to another program': (path) => {
      rmSync(path);
      const db = new DatabaseSync(path);
      db.exec('CREATE TABLE customer (name TEXT)');
      db.close();
    },
    'contains an invalid event': (path) => {
      const db = new DatabaseSync(path);
      db.exec(`UPDATE events SET body = '{"v":1,"type":"exploded"}' WHERE seq = 1`);
      db.close();
    },
  })) {
    test(`refuses a backup that ${what}, and changes nothing`, async ({ q }) => {
      await prepare(q);
      await q.ok('backup', 'b.db');
      damage(q.path('b.db'));
      const before = await everything(q);
      expect(await q.refused('restore', 'b.db', '--force')).toMatchObject({ exit: 20, code: 'corrupt' });
      expect(await everything(q)).toEqual(before);
      expect(readdirSync(q.path('.agentq')).filter((name) => /restoring|before/.test(name))).toEqual([]);
    });
  }

  test('refuses evidence that differs from the list in the backup, unless --force is given', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db', '--with-evidence');
    q.write('b.db.evidence/results/done.md', 'forged');
    rmSync(q.path('.agentq/results/done.md'));
    removeDatabase(q);
    expect(await q.refused('restore', 'b.db')).toMatchObject({
      exit: 16,
      message: expect.stringContaining('results/done.md'),
    });
    expect(existsSync(q.path('.agentq/agentq.db'))).toBe(false);
    const ran = await q.run('restore', 'b.db', '--force', '--json');
    expect(ran.code).toBe(16);
    expect(ran.json()).toMatchObject({ tasks: 4, drift: [{ name: 'result', kind: 'missing' }] });
  });

  test('names the evidence that is missing or differs, and overwrites no file', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db', '--with-evidence');
    q.write('.agentq/results/done.md', 'forged');
    rmSync(q.path('.agentq/tasks/done.md'));
    const ran = await q.run('restore', 'b.db', '--force', '--json');
    expect(ran.code).toBe(16);
    expect(ran.json()).toMatchObject({
      evidence: { brought_back: 1 },
      drift: [{ name: 'result', kind: 'changed' }],
    });
    expect(q.read('.agentq/results/done.md')).toBe('forged');
    expect(q.read('.agentq/tasks/done.md')).toBe('background');
  });

  test('uses matching evidence beside a backup that does not list it as copied', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db', '--with-evidence');
    await q.ok('backup', 'b.db', '--force');
    q.write('b.db.evidence/tasks/done.md', 'forged');
    rmSync(q.path('.agentq/results/done.md'));
    rmSync(q.path('.agentq/tasks/done.md'));
    const ran = await q.run('restore', 'b.db', '--force', '--json');
    expect(ran.code).toBe(16);
    expect(ran.json()).toMatchObject({
      evidence: { brought_back: 1 },
      drift: [{ name: 'context', kind: 'missing' }],
    });
    expect(q.read('.agentq/results/done.md')).toBe('result');
  });

  test('accepts a plain copy of a database with its write-ahead log, and says that it is not a backup', async ({
    q,
  }) => {
    const keeper = new DatabaseSync(q.path('.agentq/agentq.db'));
    keeper.exec('SELECT count(*) FROM events');
    await prepare(q);
    for (const end of ['', '-wal']) copyFileSync(q.path(`.agentq/agentq.db${end}`), q.path(`copy.db${end}`));
    keeper.close();
    const { stdout } = await q.run('restore', 'copy.db', '--force');
    expect(stdout).toMatch(/^tasks restored .*: 4$/m);
    expect(stdout).toContain('not a backup');
  });

  test('can be undone with the file that it kept, which is complete', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    await q.submit('later');
    const { replaced } = await q.json('restore', 'b.db', '--force');
    expect((await q.json('list')).tasks).toHaveLength(4);
    const { stdout } = await q.run('restore', replaced, '--force');
    expect(stdout).toMatch(/^tasks restored .*: 5$/m);
    expect(stdout).not.toContain('may be missing');
  });

  test('replaces a damaged queue and keeps its file', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    writeFileSync(q.path('.agentq/agentq.db'), 'garbage '.repeat(2_000));
    expect(await q.refused('restore', 'b.db')).toMatchObject({ exit: 4 });
    const { replaced } = await q.json('restore', 'b.db', '--force');
    expect(q.read(replaced.slice(q.cwd.length + 1))).toContain('garbage');
    expect((await q.json('list')).tasks).toHaveLength(4);
    expect(octal(q.path('.agentq/agentq.db'))).toBe('600');
  });

  test('needs no --force if the queue is missing or empty', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    removeDatabase(q);
    expect((await q.json('restore', 'b.db')).replaced).toBeUndefined();
    expect((await q.json('list')).tasks).toHaveLength(4);
  });

  test('is refused in one line on a broker, like a backup', async ({ q }) => {
    for (const verb of ['backup', 'restore']) {
      const error = await q.refused('--url', 'amqp://user@127.0.0.1:1', verb, 'b.db');
      expect(error).toMatchObject({ exit: 2, message: expect.stringContaining('broker') });
    }
  });

  test('exists for a queue in a file, while snapshot is refused for it', async ({ q }) => {
    const error = await q.refused('snapshot');
    expect(error).toMatchObject({ exit: 2, message: expect.stringContaining('broker') });
  });

  test('names a missing file', async ({ q }) => {
    expect(await q.refused('restore', 'b.db')).toMatchObject({ exit: 12 });
  });
});

describe('doctor', () => {
  const advice = async (q: Shell): Promise<string[]> =>
    (await q.json('doctor')).findings
      .filter(({ subject }: { subject: string }) => subject === q.path('.agentq'))
      .map(({ problem }: { problem: string }) => problem);

  test('reports nothing about log and evidence that belong together', async ({ q }) => {
    await prepare(q);
    await q.submit('again');
    await q.claim();
    q.write('.agentq/results/again.md', 'half of it');
    q.write('.agentq/results/waiting.md', 'written without a claim');
    expect(await advice(q)).toEqual([]);
  });

  test('reports that the evidence is newer if the database is older', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    const { attempt, artifacts_dir } = await q.claim('--worker', 'lost');
    writeFileSync(`${artifacts_dir}/notes.txt`, 'notes');
    await q.ok('fail', 'waiting', '--attempt', String(attempt), '--reason', 'flaky', '--retry');
    q.advance(60);
    const again = await q.claim('--worker', 'lost');
    writeFileSync(again.result_file, 'result');
    await q.ok('complete', 'waiting', '--attempt', '2', '--summary', 's');
    await q.submit('unknown');
    await q.ok('complete', 'unknown', '--from', 'r', '--result-file', 'out.md');
    expect(await advice(q)).toEqual([]);
    removeDatabase(q);
    copyFileSync(q.path('b.db'), q.path('.agentq/agentq.db'));
    expect(await advice(q)).toEqual([
      expect.stringMatching(
        /^the evidence is newer than the log: the store has 2 files .*another workspace shares this store, or .*docs\/backup/,
      ),
    ]);
  });

  test('reports nothing about attempts from before a restore', async ({ q }) => {
    await prepare(q);
    await q.ok('backup', 'b.db');
    await q.claim('--worker', 'lost');
    await q.ok('fail', 'waiting', '--attempt', '1', '--reason', 'flaky', '--retry');
    q.advance(60);
    const { result_file } = await q.claim('--worker', 'lost');
    writeFileSync(result_file, 'result');
    await q.ok('complete', 'waiting', '--attempt', '2', '--summary', 's');
    await q.ok('restore', 'b.db', '--force');
    expect(await advice(q)).toEqual([]);
    await q.submit('unknown');
    await q.ok('backup', 'c.db', '--force');
    const { task_id, attempt: second, artifacts_dir } = await q.claim();
    writeFileSync(`${artifacts_dir}/notes.txt`, 'notes');
    await q.ok('complete', task_id, '--attempt', String(second), '--summary', 's');
    removeDatabase(q);
    copyFileSync(q.path('c.db'), q.path('.agentq/agentq.db'));
    expect(await advice(q)).toEqual([
      expect.stringMatching(/^the evidence is newer than the log: the store has 1 file of/),
    ]);
  });

  test('reports that the log is newer if the store is older', async ({ q }) => {
    await prepare(q);
    cpSync(q.path('.agentq/results'), q.path('old'), { recursive: true });
    q.advance(60);
    for (const id of ['new-1', 'new-2']) {
      await q.submit(id);
      await q.ok('complete', id, '--from', 'r', '--result-file', 'out.md');
    }
    rmSync(q.path('.agentq/results'), { recursive: true });
    cpSync(q.path('old'), q.path('.agentq/results'), { recursive: true });
    const { findings } = (await q.run('doctor', '--json')).json();
    expect(findings.map(({ problem }: { problem: string }) => problem)).toContainEqual(
      expect.stringMatching(/^the log is newer than the evidence: the store lacks the last 2 files/),
    );
  });
});

test('a reader that took messages before a restore acknowledges no later messages', async ({ q }) => {
  const from = ['--from', 'lead'];
  await q.submit('x', ...from);
  await q.submit('y', ...from, '--priority', 'high');
  await q.ok('backup', 'b.db');
  for (const id of ['z1', 'z2', 'z3']) await q.submit(id);
  await q.ok('complete', 'x', '--from', 'r', '--summary', 's');
  const reader = await openBackend(storeOptions(q.path('.agentq')));
  onTestFinished(() => reader.close());
  const { tasks, acknowledge } = await reader.take('results.lead', 10);
  expect(tasks.map(({ id }) => id)).toEqual(['x']);
  await q.ok('restore', 'b.db', '--force');
  const { task_id, attempt } = await q.claim();
  expect(task_id).toBe('y');
  await q.ok('complete', 'y', '--attempt', String(attempt), '--summary', 's');
  await acknowledge();
  expect((await q.json('inbox', '--as', 'lead')).messages).toMatchObject([{ task_id: 'y' }]);
});
