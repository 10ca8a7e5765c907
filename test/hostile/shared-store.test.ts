import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test, type TestContext } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { CONCURRENT, type User } from '../worker/harness.ts';
import type { Ended } from './support/program.ts';
import { colleague, reachable, unprivileged } from './support/unprivileged.ts';

/** Runs a shell script as a user with umask 077. `agentq` in the script is the program. */
async function as(user: User, cwd: string, script: string): Promise<Ended> {
  const { node, program } = reachable(user);
  const prelude = `umask 077; agentq() { '${node}' '${program}' "$@"; }; `;
  const env = { PATH: process.env['PATH'], HOME: cwd, AGENTQ_DIR: join(cwd, 'w') };
  const child = spawn('/bin/sh', ['-c', prelude + script], { cwd, env, ...user, timeout: 30_000 });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: code as number | null, stdout, stderr };
}

/** A folder in which two users share a workspace. The first user has created it. */
async function shared({ onTestFinished }: TestContext): Promise<{ folder: string; owner: User; other: User }> {
  const [owner, other] = [unprivileged!, colleague!];
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'agentq-shared-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chownSync(folder, owner.uid, owner.gid);
  chmodSync(folder, 0o2770);
  expect(await as(owner, folder, 'agentq init --shared')).toMatchObject({ code: 0 });
  return { folder, owner, other };
}

const findings = ({ stdout }: Ended) => (JSON.parse(stdout) as Output<'doctor'>).findings;

describe.skipIf(!colleague)('a store that two users share, under umask 077', CONCURRENT, () => {
  test('a user can read the files that a child of the other user wrote', async (context) => {
    const { folder, owner, other } = await shared(context);
    const child = `mkdir "$AGENTQ_ARTIFACTS_DIR/sub"; echo x > "$AGENTQ_ARTIFACTS_DIR/sub/deep.txt"
      echo x > "$AGENTQ_ARTIFACTS_DIR/patch.diff"; echo result > "$AGENTQ_RESULT_FILE"; echo said`;
    const script = `agentq submit --to r --id t --instructions x && agentq work --as r --until-empty -- /bin/sh -c '${child}'`;
    expect(await as(owner, folder, script)).toMatchObject({ code: 0 });
    const result = await as(other, folder, 'agentq result t --json');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({ content: 'result\n' });
    expect(await as(other, folder, 'agentq status t >/dev/null && agentq doctor')).toEqual({
      stderr: '',
      code: 0,
      stdout: 'healthy\n',
    });
  });

  test('a user can read the files that the other user wrote or moved into the places of a claim', async (context) => {
    const { folder, owner, other } = await shared(context);
    const script = `agentq submit --to r --id t --instructions x && agentq claim --as r >/dev/null &&
      echo result > w/results/t.md && mkdir made && echo x > made/deep.txt && mv made w/artifacts/t/1/ &&
      agentq complete t --from r`;
    expect(await as(owner, folder, script)).toMatchObject({ code: 0, stderr: '' });
    expect(await as(other, folder, 'agentq result t')).toMatchObject({ code: 0, stdout: 'result\n' });
  });

  test('doctor names a folder that only another user can read', async (context) => {
    const { folder, owner, other } = await shared(context);
    expect(await as(owner, folder, 'mkdir -p w/artifacts/x/closed/deep')).toMatchObject({ code: 0 });
    const ran = await as(other, folder, 'agentq doctor --json');
    expect(ran.code).toBe(24);
    expect(findings(ran)).toMatchObject([
      { subject: 'artifacts/x', problem: expect.stringContaining('EACCES'), severity: 'problem', repaired: false },
    ]);
    expect((await as(other, folder, 'agentq doctor --repair')).code).toBe(24);
  });

  test('doctor names scratch and temporary files of another user, which it cannot remove', async (context) => {
    const { folder, owner, other } = await shared(context);
    const places = ['w/run/gone~1', 'w/artifacts/x'].map((path) => join(folder, path));
    for (const place of places) mkdirSync(place, { recursive: true });
    const files = ['w/run/gone~1/result.md', 'w/artifacts/x/.agentq-tmp-1-old'].map((path) => join(folder, path));
    expect(await as(owner, folder, 'true')).toMatchObject({ code: 0 });
    for (const [n, file] of files.entries()) {
      mkdirSync(join(file, '..'), { recursive: true });
      chownSync(places[n]!, owner.uid, owner.gid);
      expect(await as(owner, folder, `echo half > '${file}'`)).toMatchObject({ code: 0 });
      for (const path of [file, places[n]!]) utimesSync(path, 1_000, 1_000);
      chmodSync(places[n]!, 0o2755);
    }
    const ran = await as(other, folder, 'agentq doctor --repair --json');
    expect(ran.code).toBe(24);
    expect(findings(ran)).toMatchObject([
      { subject: 'artifacts/x/.agentq-tmp-1-old', repaired: false },
      { subject: 'run/gone~1', problem: expect.stringContaining('cannot be removed'), repaired: false },
    ]);
  });

  test('complete fails with one line if the evidence is in a folder of the other user that is not readable', async (context) => {
    const { folder, owner, other } = await shared(context);
    const script = `agentq submit --to r --id t --instructions x && agentq claim --as r >/dev/null`;
    expect(await as(owner, folder, `${script} && mkdir w/artifacts/t/1/sub`)).toMatchObject({ code: 0 });
    const { code, stderr } = await as(other, folder, 'agentq complete t --from r --attempt 1 --summary done');
    expect({ code, stderr }).toEqual({
      code: 12,
      stderr: expect.stringMatching(/^agentq: artifacts\/t\/1\/sub: [^\n]+\n$/),
    });
  });
});
