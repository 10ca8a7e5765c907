import { describe, expect } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT, ROLE, test } from './harness.ts';

describe('what a child is told', CONCURRENT, () => {
  test('a merger that failed without its report learns what is wanted and why it failed', async ({ q }) => {
    const id = await q.submit('--expect', 'report.md,notes', '--format', 'markdown', '--max-attempts', '2');
    await q.workOff(`
      cat > "$OUT/brief-$AGENTQ_ATTEMPT"
      echo "$AGENTQ_EXPECT $AGENTQ_FORMAT" > "$OUT/variables-$AGENTQ_ATTEMPT"
      echo "looking at $AGENTQ_ATTEMPT"
      [ -n "$AGENTQ_PREVIOUS_FAILURES" ] || exit 0
      cp "$AGENTQ_PREVIOUS_FAILURES" "$OUT/failures"
      cp "$AGENTQ_CONTEXT_FILE" "$OUT/file"
      echo '# merged' > "$AGENTQ_ARTIFACTS_DIR/report.md"
      echo '# notes' > "$AGENTQ_ARTIFACTS_DIR/notes.txt"
    `);
    const task = await q.task(id);
    expect(task.status).toBe('completed');
    expect(task.artifacts?.map(({ name }) => name).toSorted()).toEqual(['log', 'notes', 'report.md']);

    const artifacts = (attempt: number) => q.path('.agentq/artifacts', id, String(attempt));
    const reason = `${id} promised artifacts that are missing or empty: report.md, notes`;
    expect(q.read('brief-1')).toBe(
      `do it\n\n\n---\nagentq: this is attempt 1 at ${id}.\n` +
        'Deliver all of these before you end with exit code 0, or the attempt fails:\n' +
        ['report.md', 'notes']
          .map(
            (name) =>
              `- ${name}: a file with this name, with any extension, in ${artifacts(1)} (AGENTQ_ARTIFACTS_DIR)\n`,
          )
          .join('') +
        'Format: markdown\n',
    );
    const log = `${artifacts(1)}/log.txt`;
    expect(q.read('brief-2')).toContain(`agentq: this is attempt 2 at ${id}, the last one.\n`);
    expect(q.read('brief-2')).toContain(`Former attempts:\n- attempt 1 failed: ${reason} (log: ${log})\n`);
    expect(q.read('file')).toBe(q.read('brief-2'));
    expect(JSON.parse(q.read('failures'))).toEqual({ attempt: 1, outcome: 'failed', reason, log });
    expect(q.read('variables-1')).toBe('report.md,notes markdown\n');
  });

  test('released attempts count as former ones; a context for programs stays as it is, and so does each with --brief-only', async ({
    q,
  }) => {
    const id = await q.submit('--file', q.write('data.json', '{"rows":[]}'));
    await q.ok('claim', '--as', ROLE);
    await q.ok('release', id, '--from', ROLE, '--reason', 'no room here');
    // A worker that is itself the child of a worker does not hand on what it was told.
    const command = [
      '/bin/sh',
      '-c',
      'cat > "$OUT/stdin"; cp "$AGENTQ_PREVIOUS_FAILURES" "$OUT/failures"; env > "$OUT/env"',
    ];
    await q.workBehind(['env', 'AGENTQ_EXPECT=other', 'AGENTQ_FORMAT=other'], command, '--until-empty').finished();
    expect(q.read('stdin')).toBe('{"rows":[]}');
    expect(JSON.parse(q.read('failures'))).toEqual({ attempt: 1, outcome: 'released', reason: 'no room here' });
    const text = await q.submit('--expect', 'summary');
    await q.workOff('tee "$OUT/stdin"; echo "$AGENTQ_EXPECT" > "$OUT/expect"', '--brief-only');
    expect([(await q.task(text)).status, q.read('stdin'), q.read('expect')]).toEqual([
      'completed',
      'do it\n',
      'summary\n',
    ]);
    expect(q.read('env')).not.toMatch(/AGENTQ_(?:EXPECT|FORMAT)=/);
  });

  test('claim tells the same', async ({ q }) => {
    const id = await q.submit('--expect', 'report,summary', '--format', 'markdown', '--max-attempts', '3');
    const first = await q.json<Output<'claim'>>('claim', '--as', ROLE);
    expect(first).toMatchObject({ expected_output: { artifacts: ['report', 'summary'] }, previous_failures: [] });
    await q.ok('fail', id, '--from', ROLE, '--retry', '--reason', 'two heads\nare worse');
    const text = await q.ok('claim', '--as', ROLE, '--wait', '30s');
    expect(text.split('\n').slice(3, 8)).toEqual([
      'expects    report, summary',
      'format     markdown',
      `finish     agentq complete ${id} --attempt 2 --from ${ROLE} --artifact report=PATH --summary TEXT`,
      '           (not needed: --artifact for a file NAME.* in artifacts, --result-file)',
      'before     attempt 1 failed: two heads␊are worse',
    ]);
    await q.ok('release', id, '--attempt', '2', '--from', ROLE);
    const third = await q.json<Output<'claim'>>('claim', '--as', ROLE);
    expect(third.previous_failures).toEqual([
      { attempt: 1, outcome: 'failed', reason: 'two heads\nare worse' },
      { attempt: 2, outcome: 'released', reason: expect.any(String) },
    ]);
  });

  test('a redone attempt names its reason and its log', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo first');
    await q.ok('redo', id, '--reason', 'it is in the wrong language');
    await q.workOff('cp "$AGENTQ_PREVIOUS_FAILURES" "$OUT/failures"; echo second');
    expect(JSON.parse(q.read('failures'))).toMatchObject({
      attempt: 1,
      outcome: 'completed',
      reason: expect.stringMatching(/^redone by .*: it is in the wrong language$/),
      log: q.path('.agentq/artifacts', id, '1', 'log.txt'),
    });
    expect(await q.ok('logs', id, '--attempt', '1')).toBe('first');
  });
});
