import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { BEGINNING, type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const ids = async (q: Shell, ...args: string[]) =>
  (await q.json<{ tasks: { task_id: string }[] }>('list', ...args)).tasks.map(({ task_id }) => task_id);

/** The command of the hint to the next page. */
const nextPage = (stderr: string) => /there may be more: agentq (.*)/.exec(stderr)![1]!.split(' ');

describe('list', () => {
  test('filters by worker, type, group, time and open tasks, also together', async ({ q }) => {
    await q.submit('old', '--type', 'review', '--group', 'release');
    await q.claim('--worker', 'one');
    await q.ok('complete', 'old', '--from', 'r', '--summary', 's');
    q.advance(7_200);
    await q.submit('new', '--type', 'review');
    await q.submit('later', '--group', 'release', '--delay', '10m');
    expect(await ids(q, '--type', 'review')).toEqual(['new', 'old']);
    expect(await ids(q, '--group', 'release')).toEqual(['later', 'old']);
    expect(await ids(q, '--worker', 'one')).toEqual(['old']);
    expect(await ids(q, '--open')).toEqual(['later', 'new']);
    expect(await ids(q, '--open', '--status', 'queued,completed')).toEqual(['new']);
    expect(await ids(q, '--since', '1h')).toEqual(['later', 'new']);
    expect(await ids(q, '--since', '2027-03-01T12:00:00Z')).toHaveLength(3);
    expect(await ids(q, '--since', '2027-03-01', '--group', 'release', '--worker', 'one')).toEqual(['old']);
    expect(await ids(q, '--open', '--group', 'release', '--type', 'review')).toEqual([]);
    expect(await q.ok('list', '--status', 'scheduled')).toMatch(/STARTS[^]* in 10m /);
    expect(await q.refused('list', '--open', '--status', 'failed')).toMatchObject({ code: 'usage' });
    for (const wrong of ['2027-13-01', 'yesterday', '2027-03-01T12:00:00', '-1h', ''])
      expect((await q.refused('list', `--since=${wrong}`)).message).toContain('--since is not a time');
    expect((await q.refused('list', '--since', '1x')).message).toContain('--since is not a duration');
  });

  test('names the next page with all of its filters', async ({ q }) => {
    for (const id of ['a', 'b', 'c']) await q.submit(id, '--type', 'review', '--group', 'g', '--from', 'lead');
    const filters = ['--open', '--to', 'r', '--type', 'review', '--group', 'g', '--from', 'lead'];
    const kept = [...filters, '--status', 'queued,working', '--limit', '1'];
    const first = await q.run('list', ...kept, '--since', '1h');
    expect(nextPage(first.stderr).toSorted()).toEqual(
      ['list', ...kept, '--since', '2027-03-01T11:00:00.000Z', '--before', 'c'].toSorted(),
    );
    const second = await q.run(...nextPage(first.stderr));
    expect(second.stdout).toContain('\nb ');
    const third = await q.run(...nextPage(second.stderr));
    expect(third.stdout).toContain('\na ');
    const folder = q.path('it is');
    mkdirSync(folder);
    await q.ok('--dir', folder, 'init');
    await q.ok('--dir', folder, 'submit', '--to', 'r', '--instructions', 'x');
    expect((await q.run('list', '--dir', folder, '--limit', '1')).stderr).toContain(`agentq --dir '${folder}' list`);
  });
});

describe('what seems to be stuck', () => {
  const stuckOf = async (q: Shell) => {
    const { roles, tasks } = await q.json('status', '--stuck');
    return { roles, tasks: tasks.map((task: any) => [task.task_id, task.stuck.reason, task.stuck.detail]) };
  };

  test('is named by status, list and doctor, each with the reason', async ({ q }) => {
    q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { slow: { stuck_after: '1d' } } }));
    await q.submit('held');
    await q.claim('--worker', 'one', '--lease', '2h');
    await q.ok('submit', '--to', 'slow', '--id', 'slow', '--instructions', 'x');
    await q.ok('claim', '--as', 'slow', '--lease', '2h');
    await q.ok('submit', '--to', 'empty', '--id', 'waits', '--instructions', 'x');
    q.advance(899);
    expect((await q.run('status', '--stuck')).stderr).toBe('nothing seems to be stuck\n');
    q.advance(1);
    const since = new Date(BEGINNING).toISOString();
    expect(await q.json('status', '--stuck')).toMatchObject({
      roles: [{ role: 'empty', queued: 1, oldest_ready_at: since }],
      tasks: [{ task_id: 'held', to: 'r', attempt: 1, worker: 'one', stuck: { reason: 'no-sign', since } }],
    });
    expect(await q.json('status', '--stuck', '--to', 'r')).toMatchObject({ roles: [], tasks: [{}] });
    expect((await q.json('list', '--stuck')).tasks).toMatchObject([
      { task_id: 'waits', stuck: { reason: 'no-worker', detail: 'ready for 15m, no worker of its role was seen' } },
      { task_id: 'held', stuck: { reason: 'no-sign' } },
    ]);
    expect(await ids(q, '--stuck', '--to', 'empty')).toEqual(['waits']);
    expect(await ids(q, '--stuck', '--status', 'working,completed')).toEqual(['held']);
    expect(await ids(q, '--stuck', '--limit', '1', '--before', 'waits')).toEqual(['held']);
    expect(await q.ok('status', '--stuck')).toMatch(
      /empty +1 +15m ago +none seen[^]*held +r +one +no renewal or progress/,
    );
    await q.submit('new', '--to', 'fresh');
    const doctor = await q.run('doctor');
    expect(doctor.code).toBe(0);
    expect(doctor.stdout).toContain('held: seems to be stuck: no renewal or progress for 15m');
    expect(doctor.stdout).toContain('empty: 1 queued, and no worker has claimed recently');
    expect(doctor.stdout).not.toContain('slow');
    expect(doctor.stdout).not.toContain('fresh');
  });

  test('is a task with output only after the output has stopped, and one that is only renewed', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one', '--lease', '2h');
    const folder = q.path('.agentq/run/t~1');
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/log.txt`, 'working\n');
    const printed = (at: number) => utimesSync(`${folder}/log.txt`, at / 1_000, at / 1_000);
    q.advance(1_200);
    printed(q.clock.now - 60_000);
    expect(await stuckOf(q)).toMatchObject({ tasks: [] });
    printed(BEGINNING);
    expect(await stuckOf(q)).toMatchObject({ tasks: [['t', 'no-sign', 'no renewal, progress or output for 20m']] });
    for (let n = 0; n < 3; n++) {
      await q.ok('progress', 't', '--lease', '2h');
      q.advance(700);
    }
    expect(await stuckOf(q)).toMatchObject({
      tasks: [['t', 'only-renewed', 'renewed 3 times, no progress or output for 55m']],
    });
    await q.ok('progress', 't', '--note', 'half');
    expect(await stuckOf(q)).toMatchObject({ tasks: [] });
  });
});

describe('status', () => {
  test('can be limited to one role, and says when the next scheduled task starts', async ({ q }) => {
    await q.submit('a', '--delay', '10m');
    await q.submit('b', '--delay', '5m');
    await q.ok('submit', '--to', 's', '--id', 'dead', '--instructions', 'x');
    await q.ok('fail', 'dead', '--from', 's', '--reason', 'no');
    expect(await q.json('status', '--to', 'r')).toMatchObject({
      roles: [{ role: 'r', next_due_at: new Date(BEGINNING + 300_000).toISOString() }],
      dead: 0,
    });
    expect(await q.json('status', '--to', 's')).toMatchObject({ roles: [{ role: 's' }], dead: 1 });
    expect(await q.ok('status', '--to', 'r')).toMatch(/NEXT[^]* in 5m /);
    expect((await q.run('status', '--to', 'nobody')).stderr).toContain('nobody: no tasks');
    expect(await q.refused('status', 'a', '--stuck')).toMatchObject({ code: 'usage' });
  });
});
