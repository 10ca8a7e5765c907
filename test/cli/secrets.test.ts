import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const letters = (n: number) => 'aB3dE5gH7jK9'.repeat(20).slice(0, n);

/** In parts, so that scanners do not report this file. */
const secrets = {
  'private-key': ['-----BEGIN RSA ', 'PRIVATE KEY-----'].join(''),
  'aws-access-key-id': ['AK', 'IA', 'ABCDEFGHIJKLMNOP'].join(''),
  'github-token': ['gh', 'p_', letters(36)].join(''),
  'url-password': ['https://user:', 'hunter22', '@host/path'].join(''),
  password: ['password=', 'hunter22'].join(''),
};
const secret = secrets['github-token'];

describe('instructions that contain a secret', () => {
  for (const [what, value] of Object.entries(secrets)) {
    test(`are refused, and the error names ${what} without the secret`, async ({ q }) => {
      const ran = await q.run('submit', '--to', 'r', '--instructions', `use ${value} please`);
      expect(ran).toMatchObject({ code: 17, stdout: '' });
      expect(ran.stderr).toMatch(/^agentq: there seems to be [^\n]+ in the instructions [^\n]+\n$/);
      expect(ran.stderr).toContain(`(${what})`);
      expect(ran.stderr).toContain('--allow-secret');
      expect(ran.stderr).not.toContain(value);
      expect((await q.json('list')).tasks).toEqual([]);
      expect(q.stored()).toEqual([]);
    });
  }

  test('are accepted with --allow-secret', async ({ q }) => {
    await q.ok('submit', '--to', 'r', '--id', 't', '--instructions', secret, '--allow-secret');
    expect((await q.json('show', 't')).envelope.instructions).toBe(secret);
  });

  test('make a row of a batch invalid, and the error does not contain the secret', async ({ q }) => {
    q.write('b.jsonl', `{"to":"r","instructions":"fine"}\n{"to":"r","instructions":"${secret}"}`);
    const ran = await q.run('submit', '--batch', 'b.jsonl');
    expect(ran.code).toBe(14);
    expect(ran.stderr).toMatch(/^row 2: there seems to be a credential \(github-token\) in the instructions/);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.json('list')).tasks).toEqual([]);
    await q.ok('submit', '--batch', 'b.jsonl', '--allow-secret');
  });
});

describe('a secret in another field of a submit is refused', () => {
  test.for([
    ['--format', 'expected_output'],
    ['--type', 'type'],
    ['--id', 'task_id'],
    ['--idempotency-key', 'idempotency_key'],
    ['--from', 'from'],
    ['--reply-to', 'reply_to'],
    ['--expect', 'expected_output'],
  ])('%s', async ([option, field], { q }) => {
    const args = ['submit', '--to', 'r', '--instructions', 'x', option!, secret];
    const ran = await q.run(...args);
    expect(ran).toMatchObject({ code: 17, stdout: '' });
    expect(ran.stderr).toContain(`there seems to be a credential (github-token) in the field ${field}`);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.json('list')).tasks).toEqual([]);
    await q.ok(...args, '--allow-secret');
  });

  test('in a row of a batch', async ({ q }) => {
    const rows: object[] = [
      { task_id: secret },
      { expected_output: { artifacts: ['fine', secret] } },
      { ticket: secret },
      { [secret]: 1 },
    ];
    q.write('b.jsonl', rows.map((fields) => JSON.stringify({ to: 'r', instructions: 'x', ...fields })).join('\n'));
    const { code, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(stderr.split('\n').slice(0, 4)).toEqual([
      'row 1: there seems to be a credential (github-token) in the field task_id',
      'row 2: there seems to be a credential (github-token) in the field expected_output',
      'row 3: ticket is not a field of a row',
      'row 4: a name that seems to contain a credential (github-token) is not a field of a row',
    ]);
    expect(stderr).not.toContain(secret);
    expect((await q.json('list')).tasks).toEqual([]);
  });
});

describe('a secret as the name of an agent is refused', () => {
  test.for<[string, string[]]>([
    ['claim --worker', ['claim', '--as', 'r', '--worker', secret]],
    ['work --worker', ['work', '--as', 'r', '--worker', secret, '--until-empty', '--', '/bin/true']],
    ['complete --from', ['complete', 't', '--from', secret, '--summary', 'x']],
    ['fail --from', ['fail', 't', '--from', secret, '--reason', 'x']],
    ['cancel --from', ['cancel', 't', '--from', secret]],
    ['redo --from', ['redo', 't', '--from', secret, '--reason', 'x']],
    ['progress --from', ['progress', 't', '--from', secret, '--note', 'x']],
    ['release --from', ['release', 't', '--from', secret]],
  ])('by %s', async ([, args], { q }) => {
    await q.submit('t');
    const before = await q.task('t');
    const ran = await q.run(...args);
    expect(ran.code).toBe(17);
    expect(ran.stderr).toContain('in the agent name');
    expect(ran.stderr).not.toContain(secret);
    expect(await q.task('t')).toEqual(before);
  });

  test('also if it comes from the environment', async ({ q }) => {
    await q.submit('t');
    const ran = await q.with({ env: { AGENTQ_AGENT: secret } }).run('claim', '--as', 'r');
    expect(ran.code).toBe(17);
    expect(ran.stderr).not.toContain(secret);
  });
});

describe('text that only resembles a secret', () => {
  for (const text of [
    'rotate the AWS access key AKIA…',
    'see https://example.com/path?a=b and mail me@example.com',
    'commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
    'ask-anthropic-about-this-and-that-and-everything-else',
    'the token is in $GITHUB_TOKEN',
    'BEGIN PUBLIC KEY',
  ]) {
    test(`is accepted: ${text}`, async ({ q }) => {
      expect((await q.run('submit', '--to', 'r', '--instructions', text)).code).toBe(0);
    });
  }
});

describe('a secret', () => {
  test('in a context file causes a warning, and the task is submitted', async ({ q }) => {
    q.write('context.md', `key: ${secret}\n`);
    const ran = await q.run('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    expect(ran).toMatchObject({ code: 0, stdout: 't\n' });
    expect(ran.stderr).toMatch(
      /^agentq: warning: tasks\/t\.md seems to contain a credential \(github-token\)[^\n]*\n$/,
    );
    expect(ran.stderr).not.toContain(secret);
    expect(q.read('.agentq/tasks/t.md')).toBe(`key: ${secret}\n`);
  });

  test('in a context causes a warning at any position', async ({ q }) => {
    q.write('context.md', `${'a line like any other\n'.repeat(300_000)}${secret}`);
    const ran = await q.run('submit', '--to', 'r', '--file', 'context.md');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('(github-token)');
  });

  test('as the name of an artifact is refused', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'result');
    const ran = await q.run('complete', 't', '--from', 'r', '--summary', 'x', '--artifact', `${secret}=out.md`);
    expect(ran.code).toBe(17);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.task('t')).status).toBe('queued');
  });

  test('in a context from standard input causes a warning', async ({ q }) => {
    const ran = await q.with({ stdin: secret }).run('submit', '--to', 'r', '--file', '-');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('warning');
  });

  test('in a summary is refused, and nothing is stored', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'result');
    const args = ['complete', 't', '--from', 'r', '--result-file', 'out.md', '--summary', `it is ${secret}`];
    const ran = await q.run(...args);
    expect(ran.code).toBe(17);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.task('t')).status).toBe('queued');
    expect(q.stored()).toEqual([]);
    await q.ok(...args, '--allow-secret');
    expect((await q.task('t')).summary).toBe(`it is ${secret}`);
  });

  test('in the reason of a failure is refused without --allow-secret', async ({ q }) => {
    await q.submit('t');
    const args = ['fail', 't', '--from', 'r', '--reason', `${secret} was rejected`];
    expect((await q.refused(...args)).exit).toBe(17);
    expect((await q.task('t')).status).toBe('queued');
    await q.ok(...args, '--allow-secret');
    expect((await q.task('t')).status).toBe('failed');
  });

  for (const [verb, option] of [
    ['progress', '--note'],
    ['release', '--reason'],
    ['cancel', '--reason'],
    ['redo', '--reason'],
  ] as const) {
    test(`in the ${option} of ${verb} is refused, and changes nothing`, async ({ q }) => {
      await q.submit('t');
      await q.claim('--worker', 'r');
      const before = await q.task('t');
      const ran = await q.run(verb, 't', '--from', 'r', option, secret);
      expect(ran.code).toBe(17);
      expect(ran.stderr).not.toContain(secret);
      expect(await q.task('t')).toEqual(before);
    });
  }

  test('in a result file is accepted', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', secret);
    expect(await q.run('complete', 't', '--from', 'r', '--result-file', 'out.md')).toMatchObject({ code: 0 });
  });
});
