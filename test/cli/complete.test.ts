import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

/** Creates a task whose first lease has ended: attempt 2 holds it, attempt 1 is stale. */
async function overtaken(q: Shell, ...more: string[]): Promise<void> {
  await q.submit('t', ...more);
  await q.claim('--worker', 'one');
  q.advance(300);
  await q.claim('--worker', 'two');
}

describe('complete', () => {
  test('ends a task and prints nothing', async ({ q }) => {
    await q.submit('t');
    await q.claim('--worker', 'one');
    q.advance(60);
    expect(await q.run('complete', 't', '--from', 'r', '--summary', 'done')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(await q.task('t')).toMatchObject({
      status: 'completed',
      summary: 'done',
      completed_by: 'r',
      finished_at: '2027-03-01T12:01:00.000Z',
      attempts: [{ number: 1, worker: 'one', outcome: 'completed' }],
    });
  });

  test('with nothing is refused, also with an empty file; --empty insists and is shown everywhere', async ({ q }) => {
    await q.submit('t');
    q.write('void.md', '');
    for (const more of [[], ['--result-file', 'void.md'], ['--artifact', 'patch=void.md'], ['--attempt', '1']]) {
      expect(await q.refused('complete', 't', '--from', 'r', ...more)).toMatchObject({
        exit: more[0] === '--attempt' ? 4 : 2,
      });
    }
    await q.claim();
    expect(await q.refused('complete', 't', '--attempt', '1')).toMatchObject({
      exit: 2,
      message: expect.stringContaining('no summary, result or artifact'),
      hint: expect.stringContaining('--empty'),
    });
    expect(q.stored()).toEqual([]);
    expect(await q.task('t')).toMatchObject({ status: 'working' });
    await q.ok('complete', 't', '--attempt', '1', '--empty');
    expect(await q.task('t')).toMatchObject({ status: 'completed', empty: true });
    expect((await q.json('show', 't')).events.at(-1)).toMatchObject({ type: 'completed', empty: true });
    expect((await q.json('inbox', '--as', 'coordinator', '--keep')).messages).toMatchObject([{ empty: true }]);
    expect(await q.json('result', 't')).toMatchObject({ empty: true });
    expect((await q.run('result', 't')).stderr).toMatch(/t was completed empty/);
    for (const args of [['status', 't'], ['show', 't'], ['list']]) expect(await q.ok(...args)).toMatch(/empty: no/);
  });

  test('with --empty and content is not marked as empty', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--empty', '--summary', 'done');
    expect((await q.task('t')).empty).toBeUndefined();
  });

  test('of a task with a delay is for its submitter, until the delay is over', async ({ q }) => {
    await q.submit('t', '--at', '2027-03-01T13:00:00Z');
    expect(await q.refused('complete', 't', '--from', 'r', '--summary', 's')).toMatchObject({
      exit: 4,
      message: 't is not due until 2027-03-01T13:00:00.000Z',
      hint: 'only its submitter may complete it before: --from coordinator',
    });
    await q.ok('complete', 't', '--from', 'coordinator', '--summary', 'not needed any more');
    expect(await q.task('t')).toMatchObject({ status: 'completed', completed_by: 'coordinator' });
  });

  test('needs no attempt number from the worker that holds the lease and has had it only once', async ({ q }) => {
    await overtaken(q);
    expect((await q.refused('complete', 't', '--from', 'one', '--summary', 's')).exit).toBe(4);
    await q.ok('complete', 't', '--from', 'two', '--summary', 's');
    expect((await q.task('t')).completed_by).toBe('two');
  });

  test('stores a copy of the result file, which does not change with the original', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'the result');
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md');
    q.write('out.md', 'edited since');
    expect(await q.ok('result', 't')).toBe('the result');
    expect(q.stored()).toEqual(['results/t.md']);
  });

  test('records a result at its place without a copy', async ({ q }) => {
    await q.submit('t');
    const { result_file } = await q.claim();
    writeFileSync(result_file, 'written there');
    await q.ok('complete', 't', '--from', 'r', '--result-file', result_file);
    expect(await q.ok('result', 't')).toBe('written there');
    expect(q.stored()).toEqual(['results/t.md']);
  });

  test('records every artifact with its hash and size', async ({ q }) => {
    await q.submit('t');
    q.write('a.diff', 'hello');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'patch=a.diff');
    expect((await q.task('t')).artifacts).toEqual([
      {
        name: 'patch',
        ref: `file://${q.path('.agentq/artifacts/t/1/patch.diff')}`,
        sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        size: 5,
      },
    ]);
  });

  test('records the files in the artifacts folder of the attempt', async ({ q }) => {
    await q.submit('t');
    const { artifacts_dir } = await q.claim();
    writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.task('t')).artifacts).toMatchObject([{ name: 'patch', size: 7 }]);
  });

  test('records a file in the folder of the task if it is named, and warns of other files', async ({ q }) => {
    await q.submit('t');
    mkdirSync(q.path('.agentq/artifacts/t'));
    q.write('.agentq/artifacts/t/risks.md', 'none');
    q.write('.agentq/artifacts/t/other.md', 'none');
    const named = ['--artifact', 'risks=.agentq/artifacts/t/risks.md'];
    const { stderr } = await q.run('complete', 't', '--from', 'r', '--summary', 'done', ...named);
    expect(stderr).toBe(
      'agentq: warning: artifacts/t/other.md: left out, no worker has claimed the task; name it with --artifact NAME=PATH\n',
    );
    expect((await q.task('t')).artifacts).toMatchObject([{ name: 'risks' }]);
  });

  test('ignores the files of an earlier attempt', async ({ q }) => {
    await q.submit('t');
    const first = await q.claim();
    writeFileSync(`${first.artifacts_dir}/patch.diff`, 'of attempt 1');
    q.advance(300);
    const second = await q.claim();
    writeFileSync(`${second.artifacts_dir}/patch.diff`, 'of attempt 2!');
    await q.ok('complete', 't', '--attempt', '2', '--summary', 'done');
    expect((await q.task('t')).artifacts).toMatchObject([{ name: 'patch', size: 13 }]);
  });

  test('sends the result message', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.json('inbox')).messages).toMatchObject([{ task_id: 't', status: 'completed', summary: 'done' }]);
  });

  test('needs no claim if the role of the task completes it', async ({ q }) => {
    await q.submit('t');
    expect(await q.json('complete', 't', '--from', 'r', '--summary', 'done')).toEqual({
      task_id: 't',
      status: 'completed',
      changed: true,
    });
  });

  test('needs no --from with --attempt', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('complete', 't', '--attempt', '1', '--summary', 'done');
    expect((await q.task('t')).status).toBe('completed');
  });

  test('is refused without --from and --attempt', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('complete', 't', '--summary', 'done')).toMatchObject({
      exit: 2,
      hint: expect.stringContaining('--from'),
    });
  });

  test('is refused from another role, and names the role of the task', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('complete', 't', '--from', 's', '--summary', 'done')).toMatchObject({
      exit: 4,
      message: 't was sent to r, not to s',
      hint: '--from r',
    });
    expect((await q.task('t')).status).toBe('queued');
  });

  test('is refused for a cancelled task with the exit code for cancelled', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('cancel', 't');
    q.write('out.md', 'too late');
    expect((await q.refused('complete', 't', '--from', 'r', '--result-file', 'out.md')).exit).toBe(5);
    expect(q.stored()).toEqual([]);
  });

  for (const [what, args] of [
    ['a result file that is missing', ['--result-file', 'missing.md']],
    ['a result file that is a folder', ['--result-file', '.']],
    ['an artifact that is missing', ['--artifact', 'patch=missing.diff']],
    ['an artifact that is a folder', ['--artifact', 'patch=.']],
  ] as const) {
    test(`is refused with ${what}, and stores nothing`, async ({ q }) => {
      await q.submit('t');
      q.write('fine.md', 'fine');
      const ran = await q.refused('complete', 't', '--from', 'r', '--artifact', 'fine=fine.md', ...args);
      expect(ran).toMatchObject({ exit: 12, code: 'unreadable-file', hint: expect.any(String) });
      expect((await q.task('t')).status).toBe('queued');
      expect(q.stored()).toEqual([]);
    });
  }

  for (const name of ['../x', '.hidden', 'a/b', '', 'a..b']) {
    test(`is refused with an artifact of the name ${JSON.stringify(name)}`, async ({ q }) => {
      await q.submit('t');
      q.write('fine.md', 'fine');
      const ran = await q.refused('complete', 't', '--from', 'r', '--artifact', `${name}=fine.md`);
      expect([2, 11]).toContain(ran.exit);
      expect(ran.exit).toBe(name === '' ? 2 : 11);
      expect(ran.hint).toEqual(expect.any(String));
      expect(q.stored()).toEqual([]);
    });
  }

  test('is refused with an artifact that names no file', async ({ q }) => {
    await q.submit('t');
    expect(await q.refused('complete', 't', '--from', 'r', '--artifact', 'patch')).toMatchObject({
      exit: 2,
      hint: '--artifact NAME=PATH; see: agentq help complete',
    });
  });

  test('is refused with a summary that is too long, and the hint names a file', async ({ q }) => {
    await q.submit('t');
    const ran = await q.refused('complete', 't', '--from', 'r', '--summary', 'x'.repeat(8_001));
    expect(ran).toMatchObject({ exit: 13, hint: expect.stringContaining('into a file') });
    expect((await q.task('t')).status).toBe('queued');
  });

  test('names similar ids for an unknown task', async ({ q }) => {
    await q.submit('task-123');
    expect(await q.refused('complete', 'task-132', '--from', 'r', '--summary', 'x')).toMatchObject({
      exit: 3,
      hint: 'did you mean task-123?',
    });
  });
});

describe('an expected artifact', () => {
  test('that is missing makes a completion fail, which names all of them', async ({ q }) => {
    await q.submit('t', '--expect', 'summary,patch,risks');
    await q.claim();
    q.write('risks.md', 'none');
    expect(await q.refused('complete', 't', '--from', 'r', '--artifact', 'risks=risks.md')).toMatchObject({
      exit: 15,
      code: 'missing-artifacts',
      message: expect.stringMatching(/: summary, patch$/),
      hint: expect.stringContaining('--artifact patch=PATH'),
    });
    expect(await q.task('t')).toMatchObject({ status: 'working', attempts: [{ number: 1 }] });
    expect(q.stored()).toEqual([]);
  });

  test('can be given with --artifact', async ({ q }) => {
    await q.submit('t', '--expect', 'patch,risks');
    q.write('p', 'a patch');
    q.write('x', 'none');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'patch=p', '--artifact', 'risks=x');
    expect((await q.task('t')).artifacts.map((one: { name: string }) => one.name)).toEqual(['patch', 'risks']);
  });

  test('can be a file with this name and any extension in the artifacts folder', async ({ q }) => {
    await q.submit('t', '--expect', 'patch,test-output');
    const { artifacts_dir } = await q.claim();
    writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
    writeFileSync(`${artifacts_dir}/test-output.txt`, 'ok');
    expect((await q.run('complete', 't', '--from', 'r')).code).toBe(0);
  });

  test('with the name summary can be given with --summary', async ({ q }) => {
    await q.submit('t', '--expect', 'summary');
    expect((await q.run('complete', 't', '--from', 'r', '--summary', 'done')).code).toBe(0);
  });

  test('with the name result can be the result file', async ({ q }) => {
    await q.submit('t', '--expect', 'result');
    expect(await q.refused('complete', 't', '--from', 'r', '--summary', 'x')).toMatchObject({
      exit: 15,
      hint: '--result-file PATH',
    });
    q.write('empty', '');
    expect((await q.refused('complete', 't', '--from', 'r', '--result-file', 'empty')).exit).toBe(15);
    q.write('report', 'done');
    expect((await q.run('complete', 't', '--from', 'r', '--result-file', 'report')).code).toBe(0);
  });

  test('with the name summary cannot be blank', async ({ q }) => {
    await q.submit('t', '--expect', 'summary');
    expect((await q.refused('complete', 't', '--from', 'r', '--summary', '  ')).exit).toBe(15);
  });

  test('cannot be an empty file', async ({ q }) => {
    await q.submit('t', '--expect', 'patch');
    q.write('empty', '');
    expect((await q.refused('complete', 't', '--from', 'r', '--artifact', 'patch=empty')).exit).toBe(15);
    expect(q.stored()).toEqual([]);
  });

  test('cannot be a file of an earlier attempt', async ({ q }) => {
    await q.submit('t', '--expect', 'patch');
    const { artifacts_dir } = await q.claim();
    writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
    q.advance(300);
    await q.claim();
    expect((await q.refused('complete', 't', '--attempt', '2')).exit).toBe(15);
  });

  test('can be given at a second try', async ({ q }) => {
    await q.submit('t', '--expect', 'patch');
    await q.claim();
    expect((await q.run('complete', 't', '--from', 'r')).code).toBe(15);
    q.write('p', 'a patch');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'patch=p');
  });
});

describe('the first valid completion wins', () => {
  test('a second identical one succeeds and changes nothing', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'the result');
    q.write('p', 'a patch');
    const args = ['complete', 't', '--from', 'r', '--summary', 's', '--result-file', 'out.md', '--artifact', 'patch=p'];
    await q.ok(...args);
    const [task, files] = [await q.task('t'), q.stored()];
    q.advance(60);
    expect(await q.run(...args)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await q.json(...args)).toEqual({ task_id: 't', status: 'completed', changed: false });
    expect(await q.task('t')).toEqual(task);
    expect(q.stored()).toEqual(files);
  });

  for (const [what, ...other] of [
    ['summary', '--summary', 'other', '--result-file', 'out.md'],
    ['result', '--summary', 's', '--result-file', 'other.md'],
    ['artifact', '--summary', 's', '--result-file', 'out.md', '--artifact', 'patch=other.md'],
  ] as const) {
    test(`one with another ${what} is refused, and the history records it`, async ({ q }) => {
      await q.submit('t');
      q.write('out.md', 'the result');
      q.write('other.md', 'another result');
      await q.ok('complete', 't', '--from', 'r', '--summary', 's', '--result-file', 'out.md');
      const [task, files] = [await q.task('t'), q.stored()];
      expect(await q.refused('complete', 't', '--from', 'r', ...other)).toMatchObject({
        exit: 4,
        message: expect.stringContaining('already completed by r'),
        hint: expect.stringContaining('agentq result t'),
      });
      expect(await q.task('t')).toEqual({ ...task, refused: 1 });
      expect(q.stored()).toEqual(files);
      expect(await q.ok('result', 't')).toBe('the result');
      const { events } = await q.json('show', 't');
      expect(events.at(-1)).toMatchObject({ type: 'refused', command: 'complete', by: 'r' });
    });
  }

  test('a failure after it is refused', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await q.refused('fail', 't', '--from', 'r', '--reason', 'no')).exit).toBe(4);
    expect((await q.task('t')).status).toBe('completed');
  });

  test('of two at once one is accepted and the other is refused', async ({ q }) => {
    await q.submit('t');
    const all = await Promise.all(
      ['one', 'two'].map((summary) => q.run('complete', 't', '--from', 'r', '--summary', summary)),
    );
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set([0, 4]));
    expect((await q.task('t')).refused).toBe(1);
  });
});

describe('a stale attempt', () => {
  test('is refused and changes nothing', async ({ q }) => {
    await overtaken(q);
    q.write('late.md', 'a late result');
    const [task, files] = [await q.task('t'), q.stored()];
    const ran = await q.refused('complete', 't', '--attempt', '1', '--summary', 'late', '--result-file', 'late.md');
    expect(ran).toMatchObject({
      exit: 4,
      code: 'conflict',
      message: 'attempt 1 of t lost its lease; attempt 2 holds it now',
    });
    expect(await q.task('t')).toEqual({ ...task, refused: 1 });
    expect(q.stored()).toEqual(files);
  });

  test('does not affect the attempt that holds the lease', async ({ q }) => {
    await overtaken(q);
    await q.run('complete', 't', '--attempt', '1', '--summary', 'late');
    await q.ok('complete', 't', '--attempt', '2', '--summary', 'in time');
    expect((await q.task('t')).summary).toBe('in time');
  });

  test('is refused also before the next claim', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.advance(300);
    expect((await q.refused('complete', 't', '--attempt', '1', '--summary', 'late')).exit).toBe(4);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('is refused without its attempt number', async ({ q }) => {
    await overtaken(q);
    expect(await q.refused('complete', 't', '--from', 'r', '--summary', 'late')).toMatchObject({
      exit: 4,
      hint: expect.stringContaining('--attempt'),
    });
    expect((await q.task('t')).status).toBe('working');
  });

  test('is refused under its own worker name', async ({ q }) => {
    await overtaken(q);
    expect((await q.refused('complete', 't', '--from', 'one', '--summary', 'late')).exit).toBe(4);
  });

  test('is refused with an unknown attempt number', async ({ q }) => {
    await overtaken(q);
    expect((await q.refused('complete', 't', '--attempt', '3', '--summary', 'x')).exit).toBe(4);
  });
});

describe('drift', () => {
  test('of the context is reported when the task is completed', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    await q.claim();
    q.write('.agentq/tasks/t.md', 'something else');
    const ran = await q.run('complete', 't', '--from', 'r', '--summary', 's');
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('t is completed, but context (tasks/t.md) was changed since it was recorded'),
    });
  });

  test('of the context is reported after the answer', async ({ q }) => {
    q.write('context.md', 'background');
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    await q.claim();
    q.write('.agentq/tasks/t.md', 'something else');
    const { output } = await q.run('complete', 't', '--from', 'r', '--summary', 's', '--json');
    expect(output.split('\n')).toEqual([
      '{"task_id":"t","status":"completed","changed":true}',
      expect.stringContaining('was changed since it was recorded'),
      '',
    ]);
  });

  test('of a large context is not searched for when the task is completed', async ({ q }) => {
    q.write('context.md', 'x'.repeat(16 * 1024 * 1024 + 1));
    await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    await q.claim();
    q.write('.agentq/tasks/t.md', 'something else');
    expect(await q.run('complete', 't', '--from', 'r', '--summary', 's')).toMatchObject({ code: 0, stderr: '' });
    expect((await q.run('status', 't', '--json')).json().drift).toMatchObject([{ name: 'context', kind: 'changed' }]);
  });

  test('of an artifact is named by status, with its own exit code', async ({ q }) => {
    await q.submit('t');
    q.write('p', 'a patch');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'patch=p', '--summary', 's');
    q.write('.agentq/artifacts/t/1/patch', 'forged!');
    const ran = await q.run('status', 't', '--json');
    expect(ran.code).toBe(16);
    expect(ran.json().drift).toMatchObject([{ name: 'patch', kind: 'changed' }]);
  });

  test('of a missing artifact has another kind', async ({ q }) => {
    await q.submit('t');
    q.write('p', 'a patch');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'patch=p');
    rmSync(q.path('.agentq/artifacts/t/1/patch'));
    expect((await q.run('status', 't', '--json')).json().drift).toMatchObject([{ name: 'patch', kind: 'missing' }]);
  });
});
