import { mkdirSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

/** The workspace is in the folder `shared`, as in the mission, which AGENTQ_DIR names. It is also the store. */
const test = base.extend<Shells>({
  ...fixtures,
  q: async ({ bare }, use) => {
    const q = bare.with({ env: { AGENTQ_DIR: bare.path('shared') } });
    await q.ok('init');
    await use(q);
  },
});

/** A command line as a shell would split it; `/shared` is the folder of the test. */
function run(q: Shell, line: string) {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
  const [program, ...args] = words.map((word) => word.replace(/^\/shared\//, `${q.path('shared')}/`));
  expect(program).toBe('agentq');
  return q.run(...args);
}

async function submitted(q: Shell): Promise<void> {
  q.write('shared/tasks/task-123.md', '# Implement it\n');
  await run(q, 'agentq submit --to implementation-worker --type implementation --file /shared/tasks/task-123.md');
}

describe('the command lines of the mission', () => {
  test('work unchanged, one after the other', async ({ q }) => {
    expect((await run(q, 'agentq init')).code).toBe(0);
    q.write('shared/tasks/task-123.md', '# Implement it\n');
    expect(
      await run(q, 'agentq submit --to implementation-worker --type implementation --file /shared/tasks/task-123.md'),
    ).toMatchObject({ code: 0, stdout: 'task-123\n' });
    const review = await run(
      q,
      'agentq submit --to review-worker --type reasoning --instructions "Review this architecture and identify risks."',
    );
    expect(review).toMatchObject({ code: 0, stdout: expect.stringMatching(/^task-[^\s]+\n$/) });
    expect((await run(q, 'agentq status task-123')).stdout).toMatch(/^task-123 {2}queued\n/);
    expect((await run(q, 'agentq result task-123')).code).toBe(23);
    q.write('shared/results/task-123.md', 'It is implemented.\n');
    expect(
      await run(
        q,
        'agentq complete task-123 --from implementation-worker --result-file /shared/results/task-123.md --summary "Implemented and tested"',
      ),
    ).toMatchObject({ code: 0, stderr: '' });
    expect(await run(q, 'agentq result task-123')).toMatchObject({ code: 0, stdout: 'It is implemented.\n' });
    expect((await run(q, 'agentq dlq')).code).toBe(0);
  });

  test('fail works on a task that was not claimed, and dlq shows the reason', async ({ q }) => {
    await submitted(q);
    expect(
      await run(q, 'agentq fail task-123 --from implementation-worker --reason "Could not reproduce the issue"'),
    ).toMatchObject({ code: 0, stderr: '' });
    expect((await run(q, 'agentq dlq')).stdout).toMatch(/task-123 .*Could not reproduce the issue/);
  });

  test('complete works on a task that was not claimed', async ({ q }) => {
    await submitted(q);
    await q.ok('complete', 'task-123', '--from', 'implementation-worker', '--summary', 'done');
    expect((await q.task('task-123')).attempts).toMatchObject([
      { number: 1, worker: 'implementation-worker', outcome: 'completed' },
    ]);
  });

  test('complete and fail need only --from for a task that was claimed', async ({ q }) => {
    for (const verb of ['complete', 'fail']) {
      await q.ok('submit', '--to', 'implementation-worker', '--id', verb, '--instructions', 'x');
      await q.ok('claim', '--as', 'implementation-worker', '--worker', 'agent-7');
    }
    await q.ok('complete', 'complete', '--from', 'implementation-worker', '--summary', 'done');
    await q.ok('fail', 'fail', '--from', 'implementation-worker', '--reason', 'no');
    const { tasks } = await q.json('list');
    expect(tasks).toMatchObject([{ status: 'failed' }, { status: 'completed' }]);
  });

  test('init can be repeated without a change', async ({ q }) => {
    await submitted(q);
    for (let i = 0; i < 3; i++) expect((await run(q, 'agentq init')).code).toBe(0);
    expect((await run(q, 'agentq status task-123')).code).toBe(0);
  });
});

describe('a submitted file', () => {
  test('in the tasks folder of the store gives the task its name, and is not copied', async ({ q }) => {
    await submitted(q);
    expect(q.files('shared/tasks')).toEqual(['task-123.md']);
    expect((await q.task('task-123')).context).toMatchObject({ ref: `file://${q.path('shared/tasks/task-123.md')}` });
  });

  test('may have another extension', async ({ q }) => {
    q.write('shared/tasks/task-9.json', '{}');
    expect(await q.ok('submit', '--to', 'r', '--file', q.path('shared/tasks/task-9.json'))).toBe('task-9');
  });

  test('may be named by a relative path', async ({ q }) => {
    q.write('shared/tasks/task-9.md', 'x');
    expect(await q.ok('submit', '--to', 'r', '--file', 'shared/tasks/task-9.md')).toBe('task-9');
  });

  test('in a folder below gives the task no name', async ({ q }) => {
    mkdirSync(q.path('shared/tasks/deep'));
    q.write('shared/tasks/deep/task-9.md', 'x');
    expect(await q.ok('submit', '--to', 'r', '--file', 'shared/tasks/deep/task-9.md')).not.toBe('task-9');
  });

  test('elsewhere gets a fresh id', async ({ q }) => {
    q.write('task-9.md', 'x');
    expect(await q.ok('submit', '--to', 'r', '--file', 'task-9.md')).toMatch(/^task-[2-9a-z]{12}$/);
  });

  test('whose name is not a valid id is refused', async ({ q }) => {
    q.write('shared/tasks/my task.md', 'x');
    expect(await q.refused('submit', '--to', 'r', '--file', 'shared/tasks/my task.md')).toMatchObject({
      exit: 11,
      message: '"my task" is not a valid task id',
      hint: expect.any(String),
    });
  });

  test('whose name differs from --id is refused', async ({ q }) => {
    q.write('shared/tasks/task-9.md', 'x');
    expect((await q.refused('submit', '--to', 'r', '--id', 'task-8', '--file', 'shared/tasks/task-9.md')).exit).toBe(2);
    expect(await q.ok('submit', '--to', 'r', '--id', 'task-9', '--file', 'shared/tasks/task-9.md')).toBe('task-9');
  });

  test('that is changed and submitted again is refused, because the id has other content', async ({ q }) => {
    await submitted(q);
    q.write('shared/tasks/task-123.md', '# Implement something else\n');
    expect(
      (await run(q, 'agentq submit --to implementation-worker --type implementation --file /shared/tasks/task-123.md'))
        .code,
    ).toBe(4);
    expect(q.files('shared/tasks')).toEqual(['task-123.md']);
  });
});

describe('the JSON forms of the mission', () => {
  const envelope = {
    task_id: 'task-123',
    from: 'coordinator',
    to: 'implementation-worker',
    type: 'implementation',
    priority: 'normal',
    ttl_seconds: 3600,
    reply_to: 'results.coordinator',
    context_ref: 'file:///shared/tasks/task-123.md',
    instructions: 'Implement it',
    expected_output: { format: 'markdown', artifacts: ['summary', 'patch', 'test-output', 'risks'] },
  };

  async function fromOptions(q: Shell): Promise<typeof envelope> {
    q.write('shared/tasks/task-123.md', '# Implement it\n');
    await q.ok(
      'submit',
      '--to',
      'implementation-worker',
      '--type',
      'implementation',
      '--ttl',
      '1h',
      '--file',
      'shared/tasks/task-123.md',
      '--instructions',
      'Implement it',
      '--format',
      'markdown',
      '--expect',
      'summary,patch,test-output,risks',
    );
    return { ...envelope, context_ref: `file://${q.path('shared/tasks/task-123.md')}` };
  }

  test('a submit creates this envelope', async ({ q }) => {
    const expected = await fromOptions(q);
    expect((await q.json('show', 'task-123')).envelope).toEqual(expected);
  });

  test('a worker gets this envelope, with additional fields', async ({ q }) => {
    const expected = await fromOptions(q);
    expect(await q.json('claim', '--as', 'implementation-worker')).toMatchObject({ ...expected, attempt: 1 });
  });

  test('the envelope can be submitted unchanged as a row of a batch', async ({ q }) => {
    q.write('shared/tasks/task-123.md', '# Implement it\n');
    const row = { ...envelope, context_ref: `file://${q.path('shared/tasks/task-123.md')}` };
    await q.with({ stdin: JSON.stringify(row) }).ok('submit', '--batch', '-');
    expect((await q.json('show', 'task-123')).envelope).toEqual(row);
    expect(q.files('shared/tasks')).toEqual(['task-123.md']);
  });

  test('the result message of a completed task', async ({ q }) => {
    await submitted(q);
    q.write('shared/results/task-123.md', 'It is implemented.\n');
    await run(
      q,
      'agentq complete task-123 --from implementation-worker --result-file /shared/results/task-123.md --summary "Implemented and tested"',
    );
    expect((await q.json('inbox')).messages).toEqual([
      {
        task_id: 'task-123',
        from: 'implementation-worker',
        to: 'coordinator',
        status: 'completed',
        result_ref: `file://${q.path('shared/results/task-123.md')}`,
        summary: 'Implemented and tested',
      },
    ]);
  });

  test('the result message of a failed task', async ({ q }) => {
    await submitted(q);
    await run(q, 'agentq fail task-123 --from implementation-worker --reason "Could not reproduce the issue"');
    expect((await q.json('inbox')).messages).toEqual([
      {
        task_id: 'task-123',
        from: 'implementation-worker',
        to: 'coordinator',
        status: 'failed',
        reason: 'Could not reproduce the issue',
      },
    ]);
  });

  test('the result message comes from the role, also if a worker with another name claimed the task', async ({ q }) => {
    await submitted(q);
    await q.ok('claim', '--as', 'implementation-worker', '--worker', 'agent-7');
    await q.ok('complete', 'task-123', '--from', 'implementation-worker', '--summary', 'done');
    expect((await q.json('inbox')).messages).toMatchObject([{ from: 'implementation-worker' }]);
  });
});

test('the store has the three folders of the mission', async ({ q }) => {
  await submitted(q);
  q.write('p.diff', 'patch');
  q.write('out.md', 'result');
  await q.ok(
    'complete',
    'task-123',
    '--from',
    'implementation-worker',
    '--result-file',
    'out.md',
    '--artifact',
    'patch=p.diff',
  );
  expect(q.files('shared/tasks')).toEqual(['task-123.md']);
  expect(q.files('shared/results')).toEqual(['task-123.md']);
  expect(q.files('shared/artifacts')).toEqual(['task-123/1/patch.diff']);
});
