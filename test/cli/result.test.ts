import { readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test as base } from 'vitest';
import { MAX_JSON_RESULT_BYTES } from '../../src/core/limits.ts';
import { type Shell, type Shells, fixtures } from './harness.ts';

const test = base.extend<Shells>(fixtures);

async function completed(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  await q.ok('submit', '--to', 'r', '--id', 't', '--file', 'context.md');
  const { artifacts_dir } = await q.claim();
  writeFileSync(`${artifacts_dir}/patch.diff`, 'a patch');
  q.write('out.md', '# Result\n\nAll is well.\n');
  await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md', '--summary', 'all is well');
}

describe('result', () => {
  test('prints the verified result unchanged', async ({ q }) => {
    await completed(q);
    expect(await q.run('result', 't')).toMatchObject({ code: 0, stdout: '# Result\n\nAll is well.\n', stderr: '' });
  });

  test('prints binary content unchanged into a pipe', async ({ q }) => {
    await q.submit('t');
    const bytes = Buffer.from([0, 0xff, 0x1b, 0x0a, 0x80]);
    writeFileSync(q.path('out.bin'), bytes);
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.bin');
    expect((await q.run('result', 't')).bytes).toEqual(bytes);
  });

  test('contains binary content as base64 with --json', async ({ q }) => {
    const bytes = Buffer.from([0x00, 0xff, 0xfe, 0x41, 0xc3, 0x28]);
    await q.submit('t');
    writeFileSync(q.path('out.bin'), bytes);
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.bin');
    const view = await q.json('result', 't');
    expect(view).not.toHaveProperty('content');
    expect(Buffer.from(view.content_base64, 'base64').equals(bytes)).toBe(true);
    expect((await q.run('result', 't')).bytes.equals(bytes)).toBe(true);
  });

  test('is refused with --json if it is too large, and printed without --json', async ({ q }) => {
    await q.submit('t');
    q.write('out.md', '');
    truncateSync(q.path('out.md'), MAX_JSON_RESULT_BYTES + 1);
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md');
    expect(await q.refused('result', 't')).toMatchObject({
      code: 'too-large',
      hint: expect.stringContaining('agentq result t'),
    });
    expect((await q.run('result', 't')).bytes).toHaveLength(MAX_JSON_RESULT_BYTES + 1);
  });

  test('is an artifact of that name, if the completion has no result', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    q.write('out.md', 'an artifact');
    q.write('other.md', 'another');
    await q.ok('complete', 't', '--from', 'r', '--artifact', 'result=out.md', '--artifact', 'other=other.md');
    expect(await q.ok('result', 't', '--artifact', 'result')).toBe('an artifact');
  });

  test('is the summary if there is no file', async ({ q }) => {
    await q.submit('t');
    await q.ok('complete', 't', '--from', 'r', '--summary', 'all is well');
    expect(await q.run('result', 't')).toMatchObject({ code: 0, stdout: 'all is well\n' });
  });

  test('contains with --json the content and the record of every file', async ({ q }) => {
    await completed(q);
    expect(await q.json('result', 't')).toMatchObject({
      task_id: 't',
      by: 'r',
      summary: 'all is well',
      content: '# Result\n\nAll is well.\n',
      result: { name: 'result', ref: `file://${q.path('.agentq/results/t.md')}`, size: 23 },
      artifacts: [{ name: 'patch', size: 7 }],
    });
  });

  test('of a large file is complete', async ({ q }) => {
    await q.submit('t');
    const line = 'a line of a long report\n';
    q.write('out.md', line.repeat(100_000));
    await q.ok('complete', 't', '--from', 'r', '--result-file', 'out.md');
    expect((await q.run('result', 't')).bytes.length).toBe(line.length * 100_000);
  });
});

describe('a result that has drifted', () => {
  for (const [what, spoil, problem] of [
    ['changed', (q: Shell) => q.write('.agentq/results/t.md', '# Result\n\nAll is lost.\n'), 'was changed'],
    ['truncated', (q: Shell) => truncateSync(q.path('.agentq/results/t.md'), 5), 'was changed'],
    ['missing', (q: Shell) => rmSync(q.path('.agentq/results/t.md')), 'is missing'],
    [
      'replaced by a link to the same content',
      (q: Shell) => {
        renameSync(q.path('.agentq/results/t.md'), q.path('elsewhere.md'));
        symlinkSync(q.path('elsewhere.md'), q.path('.agentq/results/t.md'));
      },
      'cannot be read',
    ],
  ] as const) {
    test(`because it was ${what} is not printed: exit 16`, async ({ q }) => {
      await completed(q);
      spoil(q);
      const ran = await q.run('result', 't');
      expect(ran).toMatchObject({ code: 16, stdout: '' });
      expect(ran.stderr).toMatch(/^agentq: t: result \(results\/t\.md\) [^\n]*\n$/);
      expect(ran.stderr).toContain(problem);
      expect(await q.refused('result', 't')).toMatchObject({
        code: 'drift',
        stdout: '',
        hint: expect.stringContaining('agentq redo t'),
      });
    });
  }

  test('is not printed if only an artifact was changed', async ({ q }) => {
    await completed(q);
    q.write('.agentq/artifacts/t/1/patch.diff', 'forged!');
    const ran = await q.run('result', 't');
    expect(ran).toMatchObject({ code: 16, stdout: '' });
    expect(ran.stderr).toContain('patch (artifacts/t/1/patch.diff) was changed');
  });

  test('is not printed if the context was changed', async ({ q }) => {
    await completed(q);
    q.write('.agentq/tasks/t.md', 'another task');
    expect((await q.run('result', 't')).code).toBe(16);
  });

  test('names every file that drifted', async ({ q }) => {
    await completed(q);
    rmSync(q.path('.agentq/results/t.md'));
    q.write('.agentq/artifacts/t/1/patch.diff', 'forged!');
    expect((await q.refused('result', 't')).message).toMatch(/result .* is missing; patch .* was changed/);
  });

  test('is printed again when the file is restored', async ({ q }) => {
    await completed(q);
    const content = q.read('.agentq/results/t.md');
    q.write('.agentq/results/t.md', 'forged');
    expect((await q.run('result', 't')).code).toBe(16);
    q.write('.agentq/results/t.md', content);
    expect(await q.run('result', 't')).toMatchObject({ code: 0, stdout: content });
  });
});

describe('a task without a result', () => {
  test('that failed has its own exit code and prints the reason', async ({ q }) => {
    await q.submit('t');
    await q.ok('fail', 't', '--from', 'r', '--reason', 'broken');
    expect(await q.run('result', 't')).toMatchObject({
      code: 6,
      stdout: '',
      stderr: 'agentq: t failed: broken (agentq dlq show t)\n',
    });
  });

  test('that was cancelled has its own exit code', async ({ q }) => {
    await q.submit('t');
    await q.ok('cancel', 't', '--from', 'boss');
    expect(await q.run('result', 't')).toMatchObject({
      code: 5,
      stdout: '',
      stderr: 'agentq: t was cancelled by boss\n',
    });
  });

  test('that expired has its own exit code', async ({ q }) => {
    await q.submit('t', '--ttl', '1m');
    q.advance(60);
    expect(await q.run('result', 't')).toMatchObject({ code: 7, stdout: '' });
  });

  for (const [status, ...more] of [['queued'], ['scheduled', '--delay', '1h'], ['working']] as const) {
    test(`that is ${status} has its own exit code, and the hint names agentq wait`, async ({ q }) => {
      await q.submit('t', ...more);
      if (status === 'working') await q.claim();
      expect(await q.refused('result', 't')).toMatchObject({
        exit: 23,
        code: 'not-finished',
        message: `t is ${status} and has no result yet`,
        hint: 'agentq wait t',
      });
    });
  }

  test('that is unknown is not found, and similar ids are named', async ({ q }) => {
    await q.submit('task-123');
    expect(await q.refused('result', 'task-23')).toMatchObject({ exit: 3, hint: 'did you mean task-123?' });
  });
});

describe('the result of a task that delivered artifacts', () => {
  async function delivered(q: Shell, id: string, ...names: string[]): Promise<void> {
    await q.submit(id);
    const files = names.map((name) => ['--artifact', `${name}=${q.write(`${name}.txt`, `content of ${name}\n`)}`]);
    await q.ok('complete', id, '--from', 'r', ...files.flat());
  }

  test('is their names and paths', async ({ q }) => {
    await delivered(q, 't', 'report', 'patch');
    const [report, patch] = (await q.ok('result', 't')).split('\n').map((line) => line.split('  '));
    expect([report![0], patch![0]]).toEqual(['report', 'patch']);
    expect(readFileSync(report![1]!, 'utf8')).toBe('content of report\n');
    expect(await q.json('result', 't')).not.toHaveProperty('content');
  });

  test('is the content of the only one', async ({ q }) => {
    await delivered(q, 't', 'report');
    expect((await q.run('result', 't')).stdout).toBe('content of report\n');
    expect(await q.json('result', 't')).toMatchObject({ artifact: 'report', content: 'content of report\n' });
  });

  test('is with --artifact the content of that one', async ({ q }) => {
    await delivered(q, 't', 'report', 'patch');
    expect(await q.ok('result', 't', '--artifact', 'patch')).toBe('content of patch');
    expect(await q.ok('result', 't', '--artifact', 'report')).toBe('content of report');
  });

  test('names the artifacts that there are', async ({ q }) => {
    await completed(q);
    expect(await q.ok('result', 't', '--artifact', 'patch')).toBe('a patch');
    expect(await q.ok('result', 't', '--artifact', 'result')).toContain('# Result');
    expect(await q.refused('result', 't', '--artifact', 'pathc')).toMatchObject({
      exit: 3,
      hint: 'it has result, patch',
    });
  });

  test('is refused if an artifact has drifted', async ({ q }) => {
    await delivered(q, 't', 'report');
    writeFileSync((await q.json('result', 't')).artifacts[0].ref.replace('file://', ''), 'forged');
    expect(await q.refused('result', 't')).toMatchObject({ exit: 16, stdout: '' });
  });
});

describe('several results', () => {
  test('are printed each with a header, and the first refusal is the exit code', async ({ q }) => {
    for (const id of ['a', 'b', 'open']) await q.submit(id);
    q.write('out.md', 'no line end');
    await q.ok('complete', 'a', '--from', 'r', '--result-file', 'out.md');
    await q.ok('complete', 'b', '--from', 'r', '--summary', 'done');
    const { code, stdout, stderr } = await q.run('result', 'a', 'open', 'b', 'unknown');
    expect(code).toBe(23);
    expect(stdout).toBe('==> a completed by r <==\nno line end\n==> b completed by r <==\ndone\n');
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(await q.json('result', 'a', 'b')).toMatchObject({
      results: [{ task_id: 'a', content: 'no line end' }, { task_id: 'b' }],
    });
    expect(await q.json('result', 'a', 'b', '--fields', 'summary')).toEqual({ results: [{}, { summary: 'done' }] });
  });
});
