import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test as base } from 'vitest';
import { type Ran, SCRATCH, Shell, type Shells, fixtures } from './harness.ts';

/** Sets a title, clears the screen in two ways, colours, moves the cursor, deletes, and changes the text direction. */
const hostile =
  'a\u001b]0;title\u0007b\u001b[2Jc\u009b2Jd\u001b[31me\rf\bg\u007fh\u202ei\u2066j\u200fk\u2028l\u0085m\u061cn';

/** Characters that control a terminal, except the line end. */
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const plain = (q: Shell) => q.with({ tty: true, env: { NO_COLOR: '1' } });

/** The control characters in the output, each with the text before it. */
function raw({ stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>): string[] {
  return [stdout, stderr].flatMap((text) =>
    [...text.matchAll(control)].map((hit) => {
      const code = hit[0].codePointAt(0)!.toString(16).padStart(4, '0');
      return `U+${code} after ${JSON.stringify(text.slice(Math.max(0, hit.index - 20), hit.index))}`;
    }),
  );
}

/** Creates tasks of every kind whose texts contain control characters. */
async function prepare(q: Shell): Promise<void> {
  await q.ok('init');
  const submit = (id: string, ...more: string[]) =>
    q.ok('submit', '--to', 'r', '--id', id, '--instructions', hostile, ...more);
  await submit('queued');
  await submit('working', '--priority', 'high', '--format', hostile);
  await q.claim();
  await q.ok('progress', 'working', '--percent', '40', '--note', hostile);
  await submit('completed');
  q.write('out.md', `${hostile}\n${hostile}`);
  await q.ok('complete', 'completed', '--from', 'r', '--summary', hostile, '--result-file', 'out.md');
  await submit('summary');
  await q.ok('complete', 'summary', '--from', 'r', '--summary', hostile);
  await q.run('complete', 'summary', '--from', 'r', '--summary', 'other');
  await submit('failed');
  await q.ok('fail', 'failed', '--from', 'r', '--reason', hostile);
  await submit('retried');
  await q.ok('fail', 'retried', '--from', 'r', '--reason', hostile, '--retry');
  await submit('cancelled');
  await q.ok('cancel', 'cancelled', '--reason', hostile);
  await submit('released', '--priority', 'high');
  await q.claim();
  await q.ok('release', 'released', '--from', 'r', '--reason', hostile);
}

/** Created once and copied for each test. */
let prepared: string;
beforeAll(async () => {
  prepared = mkdtempSync(join(SCRATCH, 'agentq-terminal-'));
  await prepare(new Shell(prepared));
});
afterAll(() => rmSync(prepared, { recursive: true, force: true }));

const test = base.extend<Shells>({
  ...fixtures,
  q: async ({ bare }, use) => {
    cpSync(prepared, bare.cwd, { recursive: true });
    await use(bare);
  },
});

const ids = ['queued', 'working', 'completed', 'summary', 'failed', 'retried', 'cancelled', 'released'];

describe('control characters in a text of a task are escaped', () => {
  for (const args of [
    ['status'],
    ['list'],
    ['dlq'],
    ['inbox'],
    ['doctor'],
    ['dlq', 'show', 'failed'],
    ['wait', 'completed', 'failed'],
    ['claim', '--as', 'r'],
    ['progress', 'cancelled'],
    ['complete', 'cancelled', '--from', 'r'],
    ['cancel', 'failed'],
    ['dlq', 'retry', '--all'],
    ...ids.flatMap((id) => [
      ['status', id],
      ['show', id],
      ['result', id],
    ]),
  ]) {
    test(`in ${args.join(' ')}`, async ({ q }) => {
      expect(raw(await plain(q).run(...args))).toEqual([]);
    });
  }

  test('in a visible form', async ({ q }) => {
    const { stdout } = await plain(q).run('show', 'completed');
    expect(stdout).toContain('a␛]0;title␇b␛[2Jc\\u009b2Jd␛[31me␍f␈g␡h\\u202ei\\u2066j\\u200fk\\u2028l\\u0085m\\u061cn');
  });

  test('also in a pipe, because its reader may be a terminal', async ({ q }) => {
    for (const args of [
      ['status'],
      ['list'],
      ['dlq'],
      ['inbox'],
      ...ids.flatMap((id) => [
        ['status', id],
        ['show', id],
      ]),
    ]) {
      expect(raw(await q.run(...args))).toEqual([]);
    }
  });

  test('also as JSON, which still has the same value', async ({ q }) => {
    for (const args of [['list'], ['dlq'], ['show', 'queued'], ['result', 'completed'], ['inbox']])
      expect(raw(await q.run(...args, '--json'))).toEqual([]);
    expect((await q.json('show', 'queued')).envelope.instructions).toBe(hostile);
    expect((await q.json('result', 'completed')).content).toBe(`${hostile}\n${hostile}`);
  });

  test('also in the name of a context file or result', async ({ q }) => {
    const context = q.write(`.agentq/tasks/t.${hostile.replaceAll('/', '')}`, 'background');
    await q.ok('submit', '--to', 's', '--file', context);
    expect(raw(await plain(q).run('status', 't'))).toEqual([]);
    expect(raw(await plain(q).run('claim', '--as', 's'))).toEqual([]);
    const result = q.write(`.agentq/results/t.${hostile}`, 'result');
    await q.ok('complete', 't', '--from', 's', '--result-file', result);
    for (const args of [['status', 't'], ['show', 't'], ['list'], ['inbox']])
      expect(raw(await plain(q).run(...args))).toEqual([]);
    for (const path of [context, result]) rmSync(path);
    for (const args of [['status', 't'], ['result', 't'], ['doctor']])
      expect(raw(await plain(q).run(...args))).toEqual([]);
  });

  test('also in the name of a context file with a secret', async ({ q }) => {
    const context = q.write(`.agentq/tasks/t.${hostile}`, ['AKIA', 'ABCDEFGHIJKLMNOP'].join(''));
    const ran = await plain(q).run('submit', '--to', 's', '--file', context);
    expect(ran.stderr).toContain('warning');
    expect(raw(ran)).toEqual([]);
  });

  test('also in the name of an artifact', async ({ q }) => {
    await q.ok('submit', '--to', 's', '--id', 't', '--instructions', 'x');
    const { artifacts_dir } = await q.json('claim', '--as', 's');
    writeFileSync(`${artifacts_dir}/${hostile}.txt`, 'x');
    mkdirSync(`${artifacts_dir}/sub`);
    writeFileSync(`${artifacts_dir}/sub/${hostile}.txt`, 'x');
    await q.ok('complete', 't', '--from', 's', '--summary', 'done');
    for (const args of [
      ['status', 't'],
      ['show', 't'],
      ['result', 't'],
    ])
      expect(raw(await plain(q).run(...args))).toEqual([]);
    rmSync(`${artifacts_dir}/${hostile}.txt`);
    for (const args of [['status', 't'], ['result', 't'], ['doctor']])
      expect(raw(await plain(q).run(...args))).toEqual([]);
  });

  test('also in the name of a scratch folder', async ({ q }) => {
    mkdirSync(q.path('.agentq/run', hostile));
    expect(raw(await plain(q).run('doctor'))).toEqual([]);
  });
});

describe('control characters in an argument or a file are escaped', () => {
  const bad = hostile.replaceAll('/', '');
  for (const args of [
    ['status', bad],
    ['cancel', bad],
    ['submit', '--to', bad, '--instructions', 'x'],
    ['submit', '--to', 'r', '--file', bad],
    ['submit', '--to', 'r', '--instructions', 'x', '--ttl', bad],
    ['submit', '--batch', bad],
    ['submit', `--${bad}`],
    [bad],
    ['status', '--dir', bad],
    ['init', '--dir', `file/${bad}`],
    ['complete', 't', '--from', 'r', '--artifact', bad],
    ['complete', 't', '--from', 'r', '--artifact', `${bad}=x`],
    ['schema', bad],
  ]) {
    test(`in the error of ${JSON.stringify(args.map((arg) => arg.replace(bad, '…')).join(' '))}`, async ({ q }) => {
      q.write('file', '');
      const ran = await plain(q).run(...args);
      expect(ran.code).not.toBe(0);
      expect(raw(ran)).toEqual([]);
    });
  }

  test('in the lines of a bad batch', async ({ q }) => {
    const rows = [
      `{"to":"${hostile}"}`,
      `{"to":"r","file":${JSON.stringify(hostile)}}`,
      `{"to":"r","task_id":${JSON.stringify(hostile)}}`,
      hostile,
    ];
    q.write('b.jsonl', rows.join('\n'));
    const { code, stdout, stderr } = await q.run('submit', '--batch', 'b.jsonl');
    expect(code).toBe(14);
    expect(raw({ stdout, stderr })).toEqual([]);
  });

  test('in the error of a config', async ({ q }) => {
    q.write('.agentq/config.json', JSON.stringify({ version: 1, [hostile]: 1, roles: { [hostile]: {} } }));
    expect(raw(await q.run('status'))).toEqual([]);
    q.write('.agentq/config.json', hostile);
    expect(raw(await q.run('status'))).toEqual([]);
  });

  test('in the error of an environment variable', async ({ q }) => {
    expect(
      raw(await q.with({ env: { AGENTQ_AGENT: hostile } }).run('submit', '--to', 'r', '--instructions', 'x')),
    ).toEqual([]);
    expect(raw(await q.with({ env: { AGENTQ_DIR: bad } }).run('status'))).toEqual([]);
  });
});

describe('colours', () => {
  const coloured = /\u001b\[\d+m/;
  const views = [['list'], ['status'], ['status', 'working'], ['show', 'failed'], ['dlq'], ['doctor']];

  for (const args of views) {
    test(`of ${args.join(' ')} appear only on a terminal, and the text is the same`, async ({ q }) => {
      const seen = await q.with({ tty: true }).run(...args);
      expect(seen.stdout).toMatch(coloured);
      expect(raw({ ...seen, stdout: stripVTControlCharacters(seen.stdout) })).toEqual([]);
      const piped = await q.run(...args);
      expect(piped.stdout).not.toMatch(coloured);
      expect(stripVTControlCharacters(seen.stdout)).toBe((await plain(q).run(...args)).stdout);
    });
  }

  for (const [what, env, ...more] of [
    ['NO_COLOR', { NO_COLOR: '1' }],
    ['TERM=dumb', { TERM: 'dumb' }],
    ['--no-color', {}, '--no-color'],
  ] as const) {
    test(`are off with ${what}`, async ({ q }) => {
      for (const args of views)
        expect((await q.with({ tty: true, env }).run(...args, ...more)).stdout).not.toMatch(coloured);
    });
  }

  for (const [what, env, tty, on] of [
    ['FORCE_COLOR in a pipe', { FORCE_COLOR: '1' }, false, true],
    ['an empty FORCE_COLOR in a pipe', { FORCE_COLOR: '' }, false, true],
    ['FORCE_COLOR=0 on a terminal', { FORCE_COLOR: '0' }, true, false],
    ['FORCE_COLOR, although NO_COLOR is set', { FORCE_COLOR: '3', NO_COLOR: '1' }, false, true],
    ['CLICOLOR_FORCE in a pipe', { CLICOLOR_FORCE: '1' }, false, true],
    ['CLICOLOR_FORCE on a dumb terminal', { CLICOLOR_FORCE: '1', TERM: 'dumb' }, true, true],
    ['CLICOLOR_FORCE=0 in a pipe', { CLICOLOR_FORCE: '0' }, false, false],
    ['CLICOLOR_FORCE, if NO_COLOR is set', { CLICOLOR_FORCE: '1', NO_COLOR: '1' }, true, false],
  ] as const) {
    test(`are ${on ? 'on' : 'off'} with ${what}`, async ({ q }) => {
      const shell = q.with({ tty, env });
      expect(coloured.test((await shell.run('list')).stdout)).toBe(on);
      for (const args of [['--no-color'], ['--json']])
        expect((await shell.run('list', ...args)).stdout).not.toMatch(/\u001b/);
    });
  }

  test('are on with an empty NO_COLOR', async ({ q }) => {
    await q.submit('t');
    expect((await q.with({ tty: true, env: { NO_COLOR: '' } }).run('list')).stdout).toMatch(coloured);
  });

  test('are never in JSON', async ({ q }) => {
    for (const args of [['list'], ['status', 'working'], ['dlq']]) {
      expect((await q.with({ tty: true }).run(...args, '--json')).stdout).not.toMatch(/\u001b/);
    }
  });
});

describe('a result on a terminal', () => {
  test('keeps its lines and tabs', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', 'one\n\ttwo\n');
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md');
    expect((await q.with({ tty: true }).run('result', 't')).stdout).toBe('one\n\ttwo\n');
  });

  test('is shown with visible control characters, and is unchanged in a pipe', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', hostile);
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md');
    expect((await q.with({ tty: true }).run('result', 't')).stdout).toContain('a␛]0;title␇b');
    expect((await q.run('result', 't')).stdout).toBe(hostile);
  });
});
