import { describe, expect, test as base } from 'vitest';
import { type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const letters = (n: number) => 'aB3dE5gH7jK9'.repeat(20).slice(0, n);

/** Put together here, so that no scanner takes this file for a leak. */
const secrets = {
  'a private key': ['-----BEGIN RSA ', 'PRIVATE KEY-----'].join(''),
  'an AWS access key': ['AK', 'IA', 'ABCDEFGHIJKLMNOP'].join(''),
  'a GitHub token': ['gh', 'p_', letters(36)].join(''),
  'a GitLab token': ['gl', 'pat-', letters(20)].join(''),
  'an Anthropic API key': ['sk-', 'ant-', letters(40)].join(''),
  'an OpenAI API key': ['sk-', 'proj-', letters(40)].join(''),
  'a Slack token': ['xo', 'xb-', letters(24)].join(''),
  'a Google API key': ['AI', 'za', letters(35)].join(''),
  'a Stripe key': ['sk_', 'live_', letters(24)].join(''),
  'an npm token': ['np', 'm_', letters(36)].join(''),
  'a JSON web token': ['ey', 'J', letters(20), '.ey', 'J', letters(20), '.', letters(20)].join(''),
  'a URL with a password': ['https://user:', 'hunter22', '@host/path'].join(''),
};
const secret = secrets['an AWS access key'];

describe('instructions that hold a secret', () => {
  for (const [what, value] of Object.entries(secrets)) {
    test(`are refused and told to hold ${what}, which is not repeated`, async ({ q }) => {
      const ran = await q.run('submit', '--to', 'r', '--instructions', `use ${value} please`);
      expect(ran).toMatchObject({ code: 17, stdout: '' });
      expect(ran.stderr).toMatch(/^agentq: [^\n]+\n$/);
      expect(ran.stderr).toContain(what);
      expect(ran.stderr).toContain('--allow-secret');
      expect(ran.stderr).not.toContain(value);
      expect((await q.json('list')).tasks).toEqual([]);
      expect(q.stored()).toEqual([]);
    });
  }

  test('are taken with --allow-secret', async ({ q }) => {
    await q.ok('submit', '--to', 'r', '--id', 't', '--instructions', secret, '--allow-secret');
    expect((await q.json('show', 't')).envelope.instructions).toBe(secret);
  });

  test('make a row of a batch bad, and the secret is not repeated', async ({ q }) => {
    q.write('b.jsonl', `{"to":"r","instructions":"fine"}\n{"to":"r","instructions":"${secret}"}`);
    const ran = await q.run('submit', '--batch', 'b.jsonl');
    expect(ran.code).toBe(14);
    expect(ran.stderr).toMatch(/^row 2: .*an AWS access key/);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.json('list')).tasks).toEqual([]);
    await q.ok('submit', '--batch', 'b.jsonl', '--allow-secret');
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
    test(`is taken: ${text}`, async ({ q }) => {
      expect((await q.run('submit', '--to', 'r', '--instructions', text)).code).toBe(0);
    });
  }
});

describe('a secret', () => {
  test('in a context file is warned of, and the task is submitted', async ({ q }) => {
    q.write('context.md', `key: ${secret}\n`);
    const ran = await q.run('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
    expect(ran).toMatchObject({ code: 0, stdout: 't\n' });
    expect(ran.stderr).toMatch(/^agentq: warning: tasks\/t\.md seems to hold an AWS access key[^\n]*\n$/);
    expect(ran.stderr).not.toContain(secret);
    expect(q.read('.agentq/tasks/t.md')).toBe(`key: ${secret}\n`);
  });

  test('in a context from standard input is warned of as well', async ({ q }) => {
    const ran = await q.with({ stdin: secret }).run('submit', '--to', 'r', '--file', '-');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('warning');
  });

  test('in a summary is refused, and nothing is kept', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'result');
    const words = ['complete', 't', '--from', 'r', '--result-file', 'out.md', '--summary', `it is ${secret}`];
    const ran = await q.run(...words);
    expect(ran.code).toBe(17);
    expect(ran.stderr).not.toContain(secret);
    expect((await q.task('t')).status).toBe('queued');
    expect(q.stored()).toEqual([]);
    await q.ok(...words, '--allow-secret');
    expect((await q.task('t')).summary).toBe(`it is ${secret}`);
  });

  test('in the reason of a failure is refused, unless insisted on', async ({ q }) => {
    await q.submit('t');
    const words = ['fail', 't', '--from', 'r', '--reason', `${secret} was rejected`];
    expect((await q.refused(...words)).exit).toBe(17);
    expect((await q.task('t')).status).toBe('queued');
    await q.ok(...words, '--allow-secret');
    expect((await q.task('t')).status).toBe('failed');
  });

  for (const [verb, option] of [
    ['progress', '--note'],
    ['release', '--reason'],
    ['cancel', '--reason'],
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

  test('in a result file is nobody else’s business', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', secret);
    expect(await q.run('complete', 't', '--from', 'r', '--result-file', 'out.md')).toMatchObject({ code: 0 });
  });
});
