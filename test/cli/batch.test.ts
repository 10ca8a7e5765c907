import { describe, expect, test as base } from 'vitest';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const rows = (...all: unknown[]) => all.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');
const ids = async (q: Shell) => (await q.json('list')).tasks.map((task: { task_id: string }) => task.task_id);

describe('submit --batch', () => {
  test('submits every row, and prints the ids in the order of the file', async ({ q }) => {
    q.write(
      'b.jsonl',
      rows({ task_id: 'a', to: 'r', instructions: 'x' }, { task_id: 'b', to: 's', instructions: 'y' }),
    );
    expect(await q.run('submit', '--batch', 'b.jsonl')).toMatchObject({ code: 0, stdout: 'a\nb\n', stderr: '' });
    expect(await ids(q)).toEqual(['b', 'a']);
  });

  test('reads standard input', async ({ q }) => {
    const stdin = rows({ task_id: 'a', to: 'r', instructions: 'x' });
    expect(await q.with({ stdin }).ok('submit', '--batch', '-')).toBe('a');
  });

  test('skips empty lines and accepts Windows line ends', async ({ q }) => {
    q.write(
      'b.jsonl',
      '\n{"task_id":"a","to":"r","instructions":"x"}\r\n\r\n{"task_id":"b","to":"r","instructions":"x"}\r\n',
    );
    expect(await q.ok('submit', '--batch', 'b.jsonl')).toBe('a\nb');
  });

  test('takes missing fields of a row from the command line', async ({ q }) => {
    q.write(
      'b.jsonl',
      rows({ task_id: 'a', instructions: 'x' }, { task_id: 'b', instructions: 'x', to: 's', priority: 'low' }),
    );
    await q.ok('submit', '--batch', 'b.jsonl', '--to', 'r', '--priority', 'high', '--from', 'boss');
    expect(await q.task('a')).toMatchObject({ to: 'r', priority: 'high', from: 'boss' });
    expect(await q.task('b')).toMatchObject({ to: 's', priority: 'low', from: 'boss' });
  });

  test('stores the context that a row names, by path or by URL', async ({ q }) => {
    q.write('one.md', 'one');
    q.write('two.md', 'two');
    const two = `file://${q.path('two.md')}`;
    q.write('b.jsonl', rows({ task_id: 'a', to: 'r', file: 'one.md' }, { task_id: 'b', to: 'r', context_ref: two }));
    await q.ok('submit', '--batch', 'b.jsonl');
    expect(q.read('.agentq/tasks/a.md')).toBe('one');
    expect(q.read('.agentq/tasks/b.md')).toBe('two');
  });

  test('does not change a reference that is not a file', async ({ q }) => {
    q.write('b.jsonl', rows({ task_id: 'a', to: 'r', context_ref: 's3://bucket/key' }));
    await q.ok('submit', '--batch', 'b.jsonl');
    expect((await q.json('show', 'a')).envelope.context_ref).toBe('s3://bucket/key');
  });

  test('a repeat of the same file creates no tasks', async ({ q }) => {
    q.write(
      'b.jsonl',
      rows({ task_id: 'a', to: 'r', instructions: 'x' }, { task_id: 'b', to: 'r', instructions: 'y' }),
    );
    expect(await q.json('submit', '--batch', 'b.jsonl')).toEqual({ task_ids: ['a', 'b'], created: 2 });
    expect(await q.json('submit', '--batch', 'b.jsonl')).toEqual({ task_ids: ['a', 'b'], created: 0 });
    expect(await ids(q)).toHaveLength(2);
  });

  test('shows its progress on a terminal, but not in a pipe', async ({ q }) => {
    const stdin = rows(...Array.from({ length: 2_000 }, (_, i) => ({ task_id: `t${i}`, to: 'r', instructions: 'x' })));
    const seen = await q.with({ stdin, tty: true }).run('submit', '--batch', '-');
    expect(seen.stderr).toContain('2000');
    const piped = await q.with({ stdin }).run('submit', '--batch', '-');
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout.trimEnd().split('\n')).toHaveLength(2_000);
  });
});

describe('a batch with bad rows', () => {
  test('is refused completely, with a line for each bad row', async ({ q }) => {
    q.write('ctx.md', 'context');
    const good = { task_id: 'good', to: 'r', file: 'ctx.md' };
    q.write(
      'b.jsonl',
      rows(good, 'not json', { to: 'r!', instructions: 'x' }, '', [1], { to: 'r', instructions: 'x', ttl_seconds: 0 }),
    );
    const ran = await q.run('submit', '--batch', 'b.jsonl');
    expect(ran).toMatchObject({ code: 14, stdout: '' });
    const lines = ran.stderr.trimEnd().split('\n');
    expect(lines.map((line) => line.split(':')[0])).toEqual(['row 2', 'row 3', 'row 5', 'row 6', 'agentq']);
    expect(lines.at(-1)).toContain('invalid rows: 4 of 5; nothing was submitted');
    expect(await ids(q)).toEqual([]);
    expect(q.stored()).toEqual([]);
  });

  for (const flags of [[], ['--json']]) {
    test(`lists only the first problems and counts the others: ${flags.join('') || 'text'}`, async ({ q }) => {
      const missing = Array.from({ length: 300 }, (_, n) => ({ to: 'r', file: `missing-${n}.md` }));
      q.write('b.jsonl', rows(...missing, { to: 'r', instructions: 'x' }));
      const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl', ...flags);
      expect(code).toBe(14);
      const lines = stderr.trimEnd().split('\n');
      expect(lines).toHaveLength(21);
      expect(lines[19]).toMatch(/^(row |\{"line":)20\b/);
      expect(lines[20]).toContain('invalid rows: 300 of 301, 280 of them not listed; nothing was submitted');
    });
  }

  test('counts the rows with the same problem in one line', async ({ q }) => {
    const same = Array.from({ length: 12 }, () => ({ instructions: 'x' }));
    q.write('b.jsonl', rows({ to: 'r', instructions: 'x' }, ...same, { to: 'r' }));
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      'row 2 and 11 more: to is missing',
      'row 14: the task has no instructions and no context',
    ]);
    const json = await q.run('submit', '--batch', 'b.jsonl', '--json');
    expect(JSON.parse(json.stderr.split('\n')[0]!)).toEqual({ line: 2, problem: 'to is missing', rows: 12 });
  });

  test('names every problem of a row, and the reason', async ({ q }) => {
    const bad = {
      id: 'a',
      ttl: 5,
      type: 'a/b',
      instructions: 5,
      max_attempts: '3',
      expected_output: { artifacts: 'x' },
    };
    q.write('b.jsonl', rows(bad));
    const { stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(stderr.split('\n')[0]).toBe(
      'row 1: id is not a field of a row: did you mean task_id?; ttl is not a field of a row: did you mean ttl_seconds?; ' +
        'to is missing; type is not a valid task type (allowed: letters, digits, . _ -, at most 64); ' +
        'instructions must be a string; expected_output.artifacts must be a list; max_attempts must be a number',
    );
  });

  test('names unknown fields, each with the nearest known one', async ({ q }) => {
    const good = { to: 'r', instructions: 'x' };
    q.write(
      'b.jsonl',
      rows(
        { ...good, prioritty: 'high', file: 'missing.md' },
        ...Array.from({ length: 10 }, () => ({ ...good, prioritty: 'low' })),
        { ...good, prioritty: 'high', depends_on: ['a'], every: '1h', max_attempt: 1 },
        { ...good, expected_output: { artefacts: ['x'] } },
        { ...good, zzz: 1, yyy: 1, xxx: 1, www: 1, vvv: 1, uuu: 1, ttt: 1 },
      ),
    );
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(stderr.split('\n').slice(0, -2)).toEqual([
      'row 1 and 11 more: prioritty is not a field of a row: did you mean priority?',
      `row 1: ${q.path('missing.md')} does not exist`,
      'row 12: depends_on is not a field of a row; every is not a field of a row; ' +
        'max_attempt is not a field of a row: did you mean max_attempts?',
      'row 13: expected_output.artefacts is not a field of a row: did you mean expected_output.artifacts?',
      `row 14: ${['zzz', 'yyy', 'xxx', 'www', 'vvv'].map((name) => `${name} is not a field of a row`).join('; ')}; ` +
        '2 more unknown fields',
    ]);
    expect(stderr).toContain('invalid rows: 14 of 14; nothing was submitted');
    expect(await ids(q)).toEqual([]);
  });

  for (const [what, row, problem] of [
    ['no role', { instructions: 'x' }, /to is missing$/],
    ['no instructions and no context', { to: 'r' }, /no instructions and no context/],
    ['an id that leaves its folder', { to: 'r', instructions: 'x', task_id: '../x' }, /task_id is not a valid task id/],
    ['a file that is missing', { to: 'r', file: 'missing.md' }, /missing\.md does not exist/],
    ['a file that is a folder', { to: 'r', file: '.' }, /is a directory/],
    ['a file that is not a path', { to: 'r', file: 7 }, /file: must be a path/],
    ['a URL of a missing file', { to: 'r', context_ref: 'file:///nowhere/at/all' }, /does not exist/],
    ['a URL of another host', { to: 'r', context_ref: 'file://elsewhere/x' }, /context_ref/],
    ['a URL with an encoded slash', { to: 'r', context_ref: 'file:///a%2Fb' }, /context_ref/],
    ['an envelope that is too large', { to: 'r', instructions: 'x'.repeat(70_000) }, /65536/],
    ['an unknown priority', { to: 'r', instructions: 'x', priority: 'urgent' }, /low, normal, high/],
    ['a field of the wrong type', { to: 'r', instructions: 5 }, /instructions/],
    ['null', 'null', /not a JSON object/],
  ] as const) {
    test(`names the row with ${what}`, async ({ q }) => {
      q.write('b.jsonl', rows({ task_id: 'good', to: 'r', instructions: 'x' }, row));
      const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
      expect(code).toBe(14);
      expect(stderr.split('\n')[0]).toMatch(/^row 2: /);
      expect(stderr.split('\n')[0]).toMatch(problem);
      expect(await ids(q)).toEqual([]);
      expect(q.stored()).toEqual([]);
    });
  }

  test('names the row that conflicts with an earlier row', async ({ q }) => {
    q.write(
      'b.jsonl',
      rows({ task_id: 'a', to: 'r', instructions: 'x' }, { task_id: 'a', to: 'r', instructions: 'y' }),
    );
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(stderr).toContain('row 2: a exists with other content');
    expect(await ids(q)).toEqual([]);
  });

  test('names the row that conflicts with an existing task, and keeps that task and its context', async ({ q }) => {
    q.write('one.md', 'one');
    q.write('two.md', 'two');
    await q.ok('submit', '--to', 'r', '--id', 'a', '--file', 'one.md');
    q.write('b.jsonl', rows({ task_id: 'new', to: 'r', file: 'two.md' }, { task_id: 'a', to: 'r', file: 'two.md' }));
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(stderr).toContain('row 2: a exists with other content');
    expect(await ids(q)).toEqual(['a']);
    expect(q.stored()).toEqual(['tasks/a.md']);
    expect(q.read('.agentq/tasks/a.md')).toBe('one');
  });

  test('is refused if it contains no rows', async ({ q }) => {
    q.write('b.jsonl', '\n\n');
    expect(await q.refused('submit', '--batch', 'b.jsonl')).toMatchObject({ exit: 14, hint: expect.any(String) });
  });

  for (const option of ['--file', '--instructions', '--id']) {
    test(`is refused together with ${option}, which applies to one task only`, async ({ q }) => {
      q.write('b.jsonl', rows({ to: 'r', instructions: 'x' }, { to: 'r', instructions: 'y' }));
      expect(await q.refused('submit', '--batch', 'b.jsonl', option, 'x')).toMatchObject({
        exit: 2,
        hint: expect.stringContaining(option),
      });
      expect(await ids(q)).toEqual([]);
    });
  }

  test('is refused together with --offline-ok, which saves no batch', async ({ q }) => {
    q.write('b.jsonl', rows({ to: 'r', instructions: 'x' }));
    expect(await q.refused('submit', '--batch', 'b.jsonl', '--offline-ok')).toMatchObject({ exit: 2 });
    expect(await ids(q)).toEqual([]);
  });

  test('ends with the error as JSON with --json', async ({ q }) => {
    q.write('b.jsonl', rows('nope'));
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl', '--json');
    expect(code).toBe(14);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: { code: 'bad-batch', exit: 14 },
    });
  });
});

test('a row with role or prompt is told the right field', async ({ q }) => {
  const row = JSON.stringify({ role: 'r', prompt: 'do it' });
  const { stderr } = await q.run('submit', '--batch', q.write('rows.jsonl', row));
  expect(stderr).toMatch(/role is not a field of a row: did you mean to\?.*prompt .* did you mean instructions\?/);
});
