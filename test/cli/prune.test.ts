import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const DAY = 86_400;

/** A completed task with a context, a result and an artifact. */
async function completed(q: Shell, id: string): Promise<void> {
  q.write('context.md', `background of ${id}`);
  await q.ok('submit', '--to', 'r', '--id', id, '--file', 'context.md');
  const { artifacts_dir, result_file, attempt } = await q.claim();
  writeFileSync(result_file, 'the result');
  writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
  await q.ok('complete', id, '--from', 'r', '--attempt', String(attempt));
}

async function dead(q: Shell, id: string): Promise<void> {
  await q.submit(id);
  await q.ok('fail', id, '--from', 'r', '--reason', 'broken');
}

function configure(q: Shell, more: object): void {
  const path = q.path('.agentq/config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...more }));
}

const idsOf = async (q: Shell): Promise<string[]> =>
  (await q.json('list')).tasks.map(({ task_id }: { task_id: string }) => task_id);

describe('prune', () => {
  test('keeps a task whose TTL passed while no command ran, until its end is old enough', async ({ q }) => {
    await q.submit('t', '--ttl', '2s');
    q.advance(DAY);
    expect(await q.json('prune', '--older-than', '1h')).toMatchObject({ tasks: 0, dead_letters: 0, messages: 0 });
    expect((await q.json('inbox')).messages).toMatchObject([{ task_id: 't', status: 'expired' }]);
    expect((await q.json('dlq')).tasks).toMatchObject([{ task_id: 't' }]);
    expect((await q.run('wait', 't')).code).toBe(7);
    q.advance(3_601);
    expect(await q.json('prune', '--older-than', '1h')).toMatchObject({ tasks: 1, dead_letters: 1 });
  });

  test('removes the tasks that --dry-run has counted, with all their files', async ({ q }) => {
    await completed(q, 'a');
    await completed(q, 'b');
    await dead(q, 'd');
    await q.ok('submit', '--to', 'other', '--id', 'open', '--instructions', 'compare results/b.md');
    q.advance(31 * DAY);
    await completed(q, 'young');
    const counted = await q.json('prune', '--older-than', '30d', '--dry-run');
    expect(counted).toEqual({
      dry_run: true,
      tasks: 2,
      dead_letters: 1,
      messages: 2,
      files: 3,
      bytes: 'background of athe resulta patch'.length,
      referred: 1,
      task_ids: ['d', 'a'],
    });
    expect((await q.ok('prune', '--older-than', '30d', '--dry-run')).split('\n').slice(1)).toEqual(['  d', '  a']);
    expect(await idsOf(q)).toHaveLength(5);
    const { task_ids: _ids, ...sum } = counted;
    expect(await q.json('prune', '--older-than', '30d')).toEqual({ ...sum, dry_run: false });
    expect(await idsOf(q)).toEqual(['young', 'open', 'b']);
    expect(q.stored().filter((path) => /\Wa\W/.test(path))).toEqual([]);
    expect(await q.run('result', 'b')).toMatchObject({ code: 0 });
    expect(await q.json('prune', '--older-than', '30d')).toMatchObject({ tasks: 0, files: 0, referred: 1 });
    expect(await q.json('doctor')).toMatchObject({ healthy: true });
    expect((await q.json('inbox', '--as', 'coordinator')).messages).toHaveLength(2);
  });

  test('keeps dead letters with --keep-dead', async ({ q }) => {
    await completed(q, 'a');
    await dead(q, 'd');
    q.advance(2);
    expect(await q.json('prune', '--older-than', '1s', '--keep-dead')).toMatchObject({ tasks: 1, dead_letters: 0 });
    expect((await q.json('dlq')).tasks).toHaveLength(1);
  });

  test('reports when a task was pruned, and removes the context of a repeated submit', async ({ q }) => {
    await completed(q, 'a');
    q.advance(DAY);
    await q.ok('prune', '--older-than', '1h');
    const message = 'a (completed) was pruned on 2027-03-02';
    for (const verb of ['show', 'status', 'result'])
      expect(await q.refused(verb, 'a')).toMatchObject({ exit: 3, message });
    expect(await q.refused('wait', 'a')).toMatchObject({ exit: 3, message });
    expect(await q.refused('submit', '--to', 'r', '--id', 'a', '--file', 'context.md')).toMatchObject({
      exit: 4,
      message,
      hint: expect.stringContaining('2028-03-01') as string,
    });
    expect(q.stored()).toEqual([]);
  });

  test('refuses a late repeat under an idempotency key', async ({ q }) => {
    const submit = ['submit', '--to', 'r', '--instructions', 'once', '--idempotency-key', 'monday'];
    const id = await q.ok(...submit);
    await q.ok('complete', id, '--from', 'r', '--summary', 'done');
    q.advance(40 * DAY);
    await q.ok('prune', '--older-than', '30d');
    expect(await q.refused(...submit)).toMatchObject({ exit: 4, hint: expect.stringContaining('key') as string });
    q.advance(365 * DAY);
    expect(await q.ok(...submit)).toBe(id);
  });

  test('removes more than one page of tasks', async ({ q }) => {
    const rows = Array.from({ length: 1_203 }, (_, n) => `{"to":"r","task_id":"n${n}","instructions":"x"}`);
    await q.with({ stdin: rows.join('\n') }).ok('submit', '--batch', '-');
    await q.submit('last');
    const ids = rows.map((_, n) => `n${n}`);
    await q.ok('cancel', ...ids);
    q.advance(2);
    const counted = await q.json('prune', '--older-than', '1s', '--dry-run');
    expect(counted).toMatchObject({ tasks: 1_203 });
    const { task_ids, ...sum } = counted;
    expect(task_ids).toEqual(ids.toReversed());
    const lines = (await q.ok('prune', '--older-than', '1s', '--dry-run')).split('\n');
    expect(lines).toHaveLength(22);
    expect(lines.at(-1)).toBe('  and 1183 more: --json lists them');
    expect(await q.json('prune', '--older-than', '1s')).toEqual({ ...sum, dry_run: false });
    expect(await idsOf(q)).toEqual(['last']);
  });

  test('needs an age, from the command line or the config', async ({ q }) => {
    expect(await q.refused('prune')).toMatchObject({ exit: 2, hint: 'agentq prune --older-than 30d --dry-run' });
    expect(await q.refused('prune', '--older-than', '1d', '--remember', '1h')).toMatchObject({ exit: 2 });
    configure(q, { retention: { older_than: '1h', keep_dead: true } });
    await completed(q, 'a');
    await dead(q, 'd');
    q.advance(DAY);
    expect(await q.json('prune')).toMatchObject({ tasks: 1, dead_letters: 0 });
  });

  test('is done by a worker if the config has a retention', async ({ q }) => {
    await completed(q, 'a');
    configure(q, { retention: { older_than: '1h' } });
    q.advance(DAY);
    await q.submit('new');
    await q.ok('work', '--as', 'r', '--until-empty', '--', '/bin/true');
    expect(await idsOf(q)).toEqual(['new']);
    expect(q.stored().filter((path) => !path.includes('new'))).toEqual([]);
  });
});
