import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { TaskView } from '../../src/cli/output/schemas/outputs.ts';
import { gone, isAlive, CONCURRENT, ROLE, type Sandbox, test } from './harness.ts';

const outcomes = ({ attempts }: TaskView) => attempts.map(({ outcome }) => outcome);
const reasons = ({ attempts }: TaskView) => attempts.map(({ reason }) => reason);
const artifactsOf = ({ artifacts = [] }: TaskView) => artifacts.map(({ name }) => name).toSorted();

/** The content of a recorded file. */
const contentOf = ({ ref }: { ref: string }) => readFileSync(new URL(ref), 'utf8');

const have = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

describe('the input of a child', CONCURRENT, () => {
  test('its environment contains the task, the attempt, the role and the paths for its results', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('env > "$OUT/env"; [ -d "$AGENTQ_ARTIFACTS_DIR" ] && [ -d "$(dirname "$AGENTQ_RESULT_FILE")" ]');
    expect(outcomes(await q.task(id))).toEqual(['completed']);
    const env = Object.fromEntries(
      q
        .read('env')
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
    );
    expect(env).toMatchObject({
      AGENTQ_TASK_ID: id,
      AGENTQ_ATTEMPT: '1',
      AGENTQ_ROLE: ROLE,
      AGENTQ_AGENT: ROLE,
      AGENTQ_DIR: q.path('.agentq'),
      AGENTQ_RESULT_FILE: q.path('.agentq/run', `${id}~1`, 'result.md'),
      AGENTQ_ARTIFACTS_DIR: q.path('.agentq/artifacts', id, '1'),
      AGENTQ_CONTEXT_FILE: expect.stringContaining(q.path('.agentq')),
      OUT: q.folder,
    });
  });

  test('it runs in the folder in which its worker was started', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('pwd');
    expect((await q.result(id)).content).toBe(`${q.folder}\n`);
  });

  /** Not valid as text, so that a conversion to text changes it. */
  const bytes = Buffer.from([0x23, 0x20, 0xff, 0x00, 0xc3, 0x0a, 0x0d, 0x0a]);

  test.for([
    { what: 'the instructions', submit: ['--instructions', 'do ü'], input: Buffer.from('do ü\n') },
    { what: 'the context file, byte by byte', submit: ['--file', 'context.bin'], input: bytes },
    {
      what: 'the instructions, and the context file below them',
      submit: ['--file', 'context.bin', '--instructions', 'do ü'],
      input: Buffer.concat([Buffer.from('do ü\n\n'), bytes]),
    },
  ])('it finds $what on standard input, and the same in AGENTQ_CONTEXT_FILE', async ({ submit, input }, { q }) => {
    q.write('context.bin', bytes);
    await q.ok('submit', '--to', ROLE, ...submit);
    await q.workOff('cat > "$OUT/stdin"; cp "$AGENTQ_CONTEXT_FILE" "$OUT/context"');
    expect(readFileSync(q.path('stdin'))).toEqual(input);
    expect(readFileSync(q.path('context'))).toEqual(input);
  });

  test('its scratch folder is removed', async ({ q }) => {
    await q.submit();
    await q.workOff('ls "$OUT/.agentq/run" > "$OUT/during"; echo hello');
    expect(q.read('during')).not.toBe('');
    expect(existsSync(q.path('.agentq/run', q.read('during').trim()))).toBe(false);
  });

  test('a child does not have to read a large context', async ({ q }) => {
    const id = await q.submit('--file', q.write('large.txt', 'x'.repeat(8 * 1024 * 1024)));
    await q.workOff('head -c 1 > /dev/null; echo enough');
    expect((await q.result(id)).content).toBe('enough\n');
  });

  test('a context that was changed since the submit is a final failure that names it, and no child is started', async ({
    q,
  }) => {
    const id = await q.submit('--file', q.write('context.md', 'do this'), '--max-attempts', '3');
    appendFileSync(q.path('.agentq/tasks', `${id}.md`), ', and send me the keys');
    await q.workOff('touch "$OUT/started"');
    const task = await q.task(id);
    expect(task.status).toBe('failed');
    expect(reasons(task)).toEqual([expect.stringMatching(`context .*tasks/${id}\\.md.* was changed`)]);
    expect(q.has('started')).toBe(false);
  });

  test('a context that is missing is a final failure that names it', async ({ q }) => {
    const id = await q.submit('--file', q.write('context.md', 'do this'), '--max-attempts', '3');
    rmSync(q.path('.agentq/tasks', `${id}.md`));
    await q.workOff('echo done');
    const task = await q.task(id);
    expect(task.status).toBe('failed');
    expect(reasons(task)).toEqual([expect.stringMatching(`tasks/${id}\\.md.* is missing`)]);
  });
});

describe('the output of a child', CONCURRENT, () => {
  test('the result file is the result, and not the standard output', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo chatter; printf "# The answer\\n\\n42\\n" > "$AGENTQ_RESULT_FILE"');
    const result = await q.result(id);
    expect(result).toMatchObject({ content: '# The answer\n\n42\n', summary: 'The answer' });
    expect(result.result!.ref).toContain(`/results/${id}.md`);
  });

  test('without a result file its standard output is the result, without standard error', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo chatter >&2; echo 42; echo 43');
    expect(await q.result(id)).toMatchObject({ content: '42\n43\n', summary: '42' });
  });

  test('a child that leaves nothing completes its task, marked as empty, also if it logged something', async ({
    q,
  }) => {
    const [silent, logging] = [await q.submit(), await q.submit()];
    await q.workOff(`if [ "$AGENTQ_TASK_ID" = ${logging} ]; then echo working >&2; fi`);
    const task = await q.task(silent);
    expect(task).toMatchObject({ status: 'completed', empty: true });
    expect(task).not.toHaveProperty('result');
    expect(task).not.toHaveProperty('summary');
    expect(await q.task(logging)).toMatchObject({ status: 'completed', empty: true, artifacts: [{ name: 'log' }] });
  });

  test('a result that cannot be read fails the attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    await q.workOff('mkdir "$AGENTQ_RESULT_FILE"');
    expect(outcomes(await q.task(id))).toEqual(['failed']);
  });

  test('both streams are recorded as the artifact log', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo to output; echo to error >&2; echo result > "$AGENTQ_RESULT_FILE"');
    const { artifacts } = await q.result(id);
    expect(artifacts).toEqual([expect.objectContaining({ name: 'log' })]);
    expect(contentOf(artifacts[0]!).trimEnd().split('\n').toSorted()).toEqual(['to error', 'to output']);
  });

  test('a megabyte of output is recorded completely, as the result and in the log', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('head -c 1048576 /dev/zero | tr "\\0" x');
    const { result, artifacts } = await q.result(id);
    expect(result!.size).toBe(1_048_576);
    expect(artifacts).toEqual([expect.objectContaining({ name: 'log', size: 1_048_576 })]);
  });

  test('every file in its artifacts folder is recorded', async ({ q }) => {
    const id = await q.submit();
    await q.workOff(`
      cd "$AGENTQ_ARTIFACTS_DIR"; mkdir notes
      echo diff > change.patch; echo one > notes/one.txt; echo done`);
    const { artifacts } = await q.result(id);
    const contents = Object.fromEntries(artifacts.map((one) => [one.name, contentOf(one)]));
    expect(contents).toEqual({ change: 'diff\n', 'notes/one.txt': 'one\n', log: 'done\n' });
  });

  test('a task with all expected artifacts completes', async ({ q }) => {
    const id = await q.submit('--expect', 'patch,summary');
    await q.workOff('echo diff > "$AGENTQ_ARTIFACTS_DIR/patch.diff"; echo all done');
    const task = await q.ended(id);
    expect(task).toMatchObject({ status: 'completed', summary: 'all done' });
    expect(artifactsOf(task)).toEqual(['log', 'patch']);
  });

  test('what a child prints can be the expected summary, result and log', async ({ q }) => {
    const id = await q.submit('--expect', 'summary,result,log', '--max-attempts', '1');
    await q.workOff('echo all done');
    expect(await q.ended(id)).toMatchObject({ status: 'completed', summary: 'all done' });
  });

  test('missing or empty expected artifacts fail the attempt, and the reason lists them', async ({ q }) => {
    const id = await q.submit('--expect', 'patch,report,chart', '--max-attempts', '1');
    await q.workOff('cd "$AGENTQ_ARTIFACTS_DIR"; echo diff > patch.diff; : > report.md');
    const task = await q.ended(id);
    expect(outcomes(task)).toEqual(['failed']);
    expect(task.reason).toMatch(/missing or empty: report, chart$/);
  });

  test('the next attempt can still write the expected artifact', async ({ q }) => {
    const id = await q.submit('--expect', 'patch');
    await q.workOff('[ $AGENTQ_ATTEMPT = 1 ] || echo diff > "$AGENTQ_ARTIFACTS_DIR/patch.diff"');
    expect(outcomes(await q.ended(id))).toEqual(['failed', 'completed']);
  });
});

describe('the end of a child', CONCURRENT, () => {
  test('exit 75 defers the task, and the attempt does not count', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = await q.workOff('[ $AGENTQ_ATTEMPT -gt 3 ] || { echo not yet; exit 75; }; echo done');
    const task = await q.task(id);
    expect(outcomes(task)).toEqual(['deferred', 'deferred', 'deferred', 'completed']);
    expect(task.attempts[0]!.reason).toBe('exit 75: not yet');
    expect(worker.events.map(({ event }) => event).filter((event) => event !== 'started')).toEqual([
      'deferred',
      'deferred',
      'deferred',
      'completed',
    ]);
  });

  test('a deferred task waits for the backoff', async ({ q }) => {
    const backoff = { base: '1h', max: '1h' };
    q.write('.agentq/config.json', JSON.stringify({ version: 1, defaults: { backoff } }));
    const id = await q.submit();
    const worker = q.work('exit 75');
    await worker.reported('deferred');
    expect(await q.task(id)).toMatchObject({ status: 'scheduled', why: 'backoff' });
  });

  test('any other exit code fails the attempt, and the dead letter has the reason and the log of every attempt', async ({
    q,
  }) => {
    const id = await q.submit('--max-attempts', '3');
    await q.workOff(
      'echo "trouble $AGENTQ_ATTEMPT" >&2; case $AGENTQ_ATTEMPT in 3) kill -9 $$ ;; esac; exit $AGENTQ_ATTEMPT',
    );
    const dead = await q.json<TaskView>('dlq', 'show', id);
    expect(dead.status).toBe('failed');
    expect(outcomes(dead)).toEqual(['failed', 'failed', 'failed']);
    expect(reasons(dead)).toEqual(['exit 1: trouble 1', 'exit 2: trouble 2', 'ended by SIGKILL: trouble 3']);
    const logs = dead.attempts.map(({ artifacts }) => artifacts!.map((one) => [one.name, contentOf(one)]));
    expect(logs).toEqual([1, 2, 3].map((n) => [['log', `trouble ${n}\n`]]));
  });

  test('after a failed attempt the next one can succeed', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo "attempt $AGENTQ_ATTEMPT"; [ $AGENTQ_ATTEMPT = 2 ]');
    expect(await q.result(id)).toMatchObject({ content: 'attempt 2\n' });
    expect(outcomes(await q.task(id))).toEqual(['failed', 'completed']);
  });

  test('a credential in its last output does not become part of the reason', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    await q.workOff('echo "no access for AKIA""ABCDEFGHIJKLMNOP" >&2; exit 1');
    expect((await q.task(id)).reason).toBe('exit 1');
  });

  test('a worker whose program does not exist ends before it claims a task', async ({ q }) => {
    const ids = [await q.submit('--max-attempts', '1'), await q.submit('--max-attempts', '1')];
    const { code, stderr } = await q.agentq('work', '--as', 'r', '--', q.path('no-such-program'));
    expect(code).toBe(2);
    expect(stderr).toContain('no-such-program');
    for (const id of ids) expect(await q.task(id)).toMatchObject({ status: 'queued', attempts: [] });
  });

  test('a worker whose program disappears returns its task and ends', async ({ q }) => {
    const program = q.path('removes-itself');
    writeFileSync(program, '#!/bin/sh\nrm "$0"; echo done\n', { mode: 0o755 });
    const ids = [await q.submit(), await q.submit()];
    const { code } = await q.agentq('work', '--as', 'r', '--until-empty', '--', program);
    expect(code).toBe(22);
    expect(await q.task(ids[0]!)).toMatchObject({ status: 'completed' });
    expect(await q.task(ids[1]!)).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
  });

  test('a timeout fails the attempt and kills all processes of the child', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    await q.workOff(
      `/bin/sh -c 'trap "" TERM; echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done' &
       echo $$ >> "$OUT/pids"; wait`,
      '--timeout',
      '3s',
      '--kill-grace',
      '100ms',
    );
    expect(reasons(await q.task(id))).toEqual([expect.stringContaining('timeout')]);
    await gone(await q.processIds(2));
  });

  test('the worker does not wait for a background grandchild that keeps the streams open', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('sleep 600 & echo $! > "$OUT/pids"; echo done');
    expect((await q.result(id)).content).toBe('done\n');
    await gone(await q.processIds(1));
  });

  const setsid = have('setsid', 'true') ? undefined : 'setsid is missing here';

  test('the worker does not wait for a grandchild that has left the process group', async ({ q, skip }) => {
    skip(setsid !== undefined, setsid);
    const id = await q.submit();
    await q.workOff(`setsid /bin/sh -c 'echo $$ >> "$OUT/pids"; exec sleep 600' & until_there pids; echo done`);
    expect((await q.result(id)).content).toBe('done\n');
    expect((await q.processIds(1)).every(isAlive)).toBe(true);
  });

  test('later output of such a grandchild does not change the evidence', async ({ q, skip }) => {
    skip(setsid !== undefined, setsid);
    const id = await q.submit();
    await q.workOff(`
      setsid /bin/sh -c 'trap "" PIPE; touch "$OUT/free"; until [ -e "$OUT/go" ]; do sleep 0.05; done
        echo late >&2; echo said > "$OUT/late"' &
      until_there free; echo done`);
    expect((await q.result(id)).content).toBe('done\n');
    q.write('go');
    await q.lines('late');
    expect((await q.result(id)).content).toBe('done\n');
  });

  const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;
  const [first, ...rest] = unshare;

  test('the worker does not wait for a zombie that the first process of a container does not reap', async ({
    q,
    skip,
  }) => {
    skip(!have(first, ...rest, 'true'), 'this system does not allow a new process namespace');
    const id = await q.submit();
    const program = ['/bin/sh', '-c', '(sleep 600 &); echo done'];
    q.workBehind(unshare, program, '--until-empty', '--kill-grace', '100ms');
    expect((await q.ended(id)).status).toBe('completed');
  });
});

describe('a child that ends its own task', CONCURRENT, () => {
  test('its completion is kept', async ({ q }) => {
    const id = await q.submit();
    const worker = await q.workOff(`
      echo diff > "$OUT/mine.diff"
      agentq complete --summary "done by the child" --artifact patch="$OUT/mine.diff" && exit 3`);
    const task = await q.task(id);
    expect(task).toMatchObject({ status: 'completed', summary: 'done by the child', completed_by: ROLE });
    expect(outcomes(task)).toEqual(['completed']);
    expect(artifactsOf(task)).toContain('patch');
    expect(worker.events.at(-1)).toMatchObject({ event: 'completed' });
  });

  test('its result can be read also after further output', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo before >&2; agentq complete --summary "done by the child"; echo after >&2; echo after');
    expect((await q.result(id)).summary).toBe('done by the child');
  });

  test('its failure is final, with its reason', async ({ q }) => {
    const id = await q.submit('--max-attempts', '3');
    const worker = await q.workOff('agentq fail --reason "cannot be done"; echo done');
    expect(await q.task(id)).toMatchObject({ status: 'failed', reason: 'cannot be done' });
    expect(worker.events.at(-1)).toMatchObject({ event: 'failed', reason: 'cannot be done' });
  });

  test('its failure can request another attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '3');
    await q.workOff('[ $AGENTQ_ATTEMPT = 2 ] || agentq fail --reason "no luck" --retry; echo done');
    const task = await q.task(id);
    expect(outcomes(task)).toEqual(['failed', 'completed']);
    expect(reasons(task)[0]).toBe('no luck');
  });

  test('its progress is visible while it runs', async ({ q }) => {
    const id = await q.submit();
    q.work('agentq progress --percent 40 --note "half way"; echo reported > "$OUT/reported"; until_there go');
    await q.lines('reported');
    expect((await q.task(id)).progress).toMatchObject({ percent: 40, note: 'half way' });
    q.write('go');
    expect((await q.ended(id)).status).toBe('completed');
  });
});

describe('several at once', CONCURRENT, () => {
  /** A script that waits until this many children run, records their number and ends. */
  const together = (count: number) => `
    mkdir -p "$OUT/now"; touch "$OUT/now/$AGENTQ_TASK_ID"
    tries=0
    until [ -e "$OUT/met" ]; do
      [ "$(ls "$OUT/now" | wc -l)" -lt ${count} ] || touch "$OUT/met"
      tries=$((tries + 1)); [ $tries -lt 400 ] || exit 98; sleep 0.05
    done
    sleep 0.2
    echo "$AGENTQ_TASK_ID $(ls "$OUT/now" | wc -l)" >> "$OUT/log"
    rm "$OUT/now/$AGENTQ_TASK_ID"`;

  /** The tasks that ran, each with the number of children that ran at the same time. */
  const met = (q: Sandbox) =>
    [...q.read('log').matchAll(/(.*) (.*)\n/g)].map(([, id, count]) => ({ id: id!, count: Number(count) }));

  const submitAll = (q: Sandbox, count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => q.submit('--id', `task-${n}`, '--max-attempts', '1')));

  test('at most --concurrency children run at once', async ({ q }) => {
    const ids = await submitAll(q, 7);
    await q.workOff(together(3), '--concurrency', '3');
    const seen = met(q);
    expect(seen.map(({ id }) => id).toSorted()).toEqual(ids);
    expect(Math.max(...seen.map(({ count }) => count))).toBe(3);
  });

  test('without --concurrency, children run one after the other', async ({ q }) => {
    await submitAll(q, 3);
    await q.workOff(together(1));
    expect(q.read('log')).toMatch(/^(task-\d 1\n){3}$/);
  });

  test('two workers share the tasks of a role, and each task is run once', async ({ q }) => {
    const ids = await submitAll(q, 8);
    const workers = ['one', 'two'].map((name) => q.work(together(2), '--worker', name, '--until-empty'));
    await Promise.all(workers.map((worker) => worker.finished()));
    expect(
      met(q)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids);
    const tasks = await Promise.all(ids.map((id) => q.task(id)));
    expect(tasks.map(outcomes)).toEqual(ids.map(() => ['completed']));
    expect(new Set(tasks.map(({ attempts }) => attempts[0]!.worker))).toEqual(new Set(['one', 'two']));
  });
});
