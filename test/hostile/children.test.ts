import { chmodSync, readdirSync, renameSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { TaskView } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT } from '../worker/harness.ts';
import { test } from './support/unprivileged.ts';

const outcomes = ({ attempts }: TaskView) => attempts.map(({ outcome }) => outcome);

/** What a child does before it prints and exits with 0, and the reason why its attempt then fails. */
interface OddChild {
  readonly what: string;
  readonly does: string;
  readonly reason: RegExp;
}

const SCRATCH = '$(dirname "$AGENTQ_RESULT_FILE")';

const oddChildren: readonly OddChild[] = [
  { what: 'removes its scratch', does: `rm -r "${SCRATCH}"`, reason: /scratch folder.* removed or replaced/ },
  {
    what: 'replaces its scratch by another folder',
    does: `mv "${SCRATCH}" "$OUT/old"; mkdir "${SCRATCH}"`,
    reason: /scratch folder.* removed or replaced/,
  },
  {
    what: 'replaces its scratch by a file',
    does: `scratch="${SCRATCH}"; rm -r "$scratch"; echo x > "$scratch"`,
    reason: /ENOTDIR|removed or replaced/,
  },
  {
    what: 'replaces its scratch by a link to another folder',
    does: `scratch="${SCRATCH}"; rm -r "$scratch"; mkdir "$OUT/kept"; echo x > "$OUT/kept/result.md"; ln -s "$OUT/kept" "$scratch"`,
    reason: /removed or replaced/,
  },
  { what: 'makes its scratch inaccessible', does: `chmod 000 "${SCRATCH}"`, reason: /EACCES/ },
  {
    what: 'leaves an inaccessible folder in its scratch',
    does: `mkdir "${SCRATCH}/deep" && touch "${SCRATCH}/deep/x" && chmod 000 "${SCRATCH}/deep"; exit 3`,
    reason: /exit 3/,
  },
  {
    what: 'replaces the file of its output',
    does: `rm "${SCRATCH}/stdout"; ln -s /etc/hostname "${SCRATCH}/stdout"`,
    reason: /removed or replaced/,
  },
  {
    what: 'makes its result a link to itself',
    does: 'ln -s result.md "$AGENTQ_RESULT_FILE"',
    reason: /result is not a regular file/,
  },
  {
    what: 'makes its result a link to another file',
    does: 'echo secret > "$OUT/elsewhere"; ln -s "$OUT/elsewhere" "$AGENTQ_RESULT_FILE"',
    reason: /result is not a regular file/,
  },
  { what: 'makes its result a pipe', does: 'mkfifo "$AGENTQ_RESULT_FILE"', reason: /result is not a regular file/ },
  {
    what: 'makes its result inaccessible',
    does: 'echo x > "$AGENTQ_RESULT_FILE"; chmod 000 "$AGENTQ_RESULT_FILE"',
    reason: /EACCES|not readable for this user/,
  },
  {
    what: 'makes its artifacts inaccessible',
    does: 'echo x > "$AGENTQ_ARTIFACTS_DIR/x"; chmod 000 "$AGENTQ_ARTIFACTS_DIR"',
    reason: /EACCES|not (readable|accessible) for this user/,
  },
  {
    what: 'makes a folder of its artifacts inaccessible',
    does: 'mkdir "$AGENTQ_ARTIFACTS_DIR/deep"; chmod 000 "$AGENTQ_ARTIFACTS_DIR/deep"',
    reason: /EACCES|not (readable|accessible) for this user/,
  },
  {
    what: 'makes an artifact inaccessible',
    does: 'echo x > "$AGENTQ_ARTIFACTS_DIR/x"; chmod 000 "$AGENTQ_ARTIFACTS_DIR/x"',
    reason: /EACCES|not readable for this user/,
  },
  {
    what: 'replaces its artifacts folder by a file',
    does: 'rm -r "$AGENTQ_ARTIFACTS_DIR"; echo x > "$AGENTQ_ARTIFACTS_DIR"; echo x > "$AGENTQ_RESULT_FILE"; exit 3',
    reason: /exit 3/,
  },
];

describe('a child that', CONCURRENT, () => {
  test.for(oddChildren)(
    '$what fails its attempt, which counts, and its worker continues',
    async ({ does, reason }, { q }) => {
      const id = await q.submit('--max-attempts', '1');
      const next = await q.submit();
      const worker = await q.workOff(`[ $AGENTQ_TASK_ID != ${id} ] || { ${does}; }; echo printed`);
      const task = await q.task(id);
      expect(outcomes(task)).toEqual(['failed']);
      expect(task.reason).toMatch(reason);
      expect((await q.result(next)).content).toBe('printed\n');
      expect(worker.stderr).not.toMatch(/internal error|\n {4}at /);
    },
  );

  test.for([
    ['nests folders', `mkdir -p "${SCRATCH}/$(printf 'd/%.0s' $(seq 1500))"`],
    ['nests inaccessible folders', `(cd "${SCRATCH}" && mkdir -p a/b/c && chmod 000 a/b a)`],
    [
      'nests folders and files with odd names',
      `(cd "${SCRATCH}" && mkdir -p "$(printf 'a\\377')/$(printf 'b\\nc')/.d" && ln -s / a && mkfifo "$(printf '\\376')" && chmod 000 a?*)`,
    ],
  ] as const)('%s in its scratch leaves no files in run/', async ([, does], { q }) => {
    const id = await q.submit();
    // Removing a folder needs one open file per level.
    const starter = ['/bin/sh', '-c', 'ulimit -n 200; exec "$@"', 'sh'];
    await q.workBehind(starter, ['/bin/sh', '-c', `${does} || exit 3; echo done`], '--until-empty').finished();
    expect((await q.result(id)).content).toBe('done\n');
    expect(readdirSync(q.path('.agentq/run'))).toEqual([]);
  });

  test('creates the scratch of the next attempt does not affect that attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '2');
    await q.workOff(`
      next="$OUT/.agentq/run/$AGENTQ_TASK_ID~2"
      [ $AGENTQ_ATTEMPT = 2 ] || { mkdir "$next"; echo planted > "$next/result.md"; exit 1; }
      echo mine`);
    expect((await q.result(id)).content).toBe('mine\n');
  });

  test('creates a file in the place of the next artifacts folder fails only the next attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '2');
    const worker = await q.workOff(`
      [ $AGENTQ_ATTEMPT = 2 ] || { echo x > "$(dirname "$AGENTQ_ARTIFACTS_DIR")/2"; exit 1; }
      echo mine`);
    expect(outcomes(await q.task(id))).toEqual(['failed', 'failed']);
    expect(worker.stderr).not.toMatch(/internal error/);
  });
});

describe('a child that makes inaccessible', CONCURRENT, () => {
  test.for(['results', 'artifacts', 'run'])(
    'the folder %s ends its worker with a message, and the attempt does not count',
    async (name, { q }) => {
      const id = await q.submit('--max-attempts', '1');
      const worker = q.work(`chmod 000 "$AGENTQ_DIR/${name}"; echo done`);
      const { code, stderr } = await worker.ended;
      chmodSync(q.path('.agentq', name), 0o700);
      expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringMatching(/(workspace|store) cannot be used/) });
      expect(stderr).not.toMatch(/internal error|\n {4}at /);
      expect(outcomes(await q.task(id))).toEqual(['released']);
    },
  );
});

describe('a workspace that is moved while a child runs', CONCURRENT, () => {
  test('ends the worker with a message, and no file is created at the old place', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = q.work('until_there go; echo done');
    await worker.reported('started', { task_id: id });
    renameSync(q.path('.agentq'), q.path('moved'));
    q.write('go');
    const { code, stderr } = await worker.ended;
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringMatching(/workspace .* was moved or removed/) });
    expect(stderr).not.toMatch(/internal error|\n {4}at /);
    expect(q.has('.agentq')).toBe(false);
    renameSync(q.path('moved'), q.path('.agentq'));
    expect(outcomes(await q.task(id))).toEqual(['released']);
  });

  test('ends an idle worker when a task arrives', async ({ q }) => {
    const worker = q.work('echo done', '--worker', 'idler');
    await q.present('idler');
    renameSync(q.path('.agentq'), q.path('moved'));
    await q.ok('--dir', 'moved', 'submit', '--to', 'r', '--instructions', 'x');
    const { code, stderr } = await worker.ended;
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringMatching(/workspace .* was moved or removed/) });
    expect(q.has('.agentq')).toBe(false);
  });
});
