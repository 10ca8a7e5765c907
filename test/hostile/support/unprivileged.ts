import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { Sandbox, test as base, type User } from '../../worker/harness.ts';

/** Two users without rights, in one group. No account needs to exist for them. */
const GROUP = 64_100;
const users = [
  { uid: 64_101, gid: GROUP },
  { uid: 64_102, gid: GROUP },
] as const satisfies readonly User[];

const isRoot = process.getuid?.() === 0;

/** A user whom file modes stop: another one where the tests run as root, else the one who runs them. */
export const unprivileged: User | undefined = isRoot ? users[0] : undefined;

/** A second user of the same group. Only root can be two users: undefined elsewhere. */
export const colleague: User | undefined = isRoot ? users[1] : undefined;

/** Each test's own sandbox, whose programs and children run as {@link unprivileged}. */
export const test = base.extend('q', async ({ task: _task }, { onCleanup }) => {
  const sandbox = new Sandbox(unprivileged && { user: unprivileged, ...reachable(unprivileged) });
  onCleanup(() => sandbox.close());
  await sandbox.init();
  return sandbox;
});

interface Reachable {
  readonly node: string;
  readonly program: string;
}

let copied: Reachable | undefined;

/** Node.js and the built program where the user can run them: as they lie, else copied to where everybody may read. */
export function reachable(user: User): Reachable {
  const here = { node: process.execPath, program: fileURLToPath(new URL('../../../bin/agentq.cjs', import.meta.url)) };
  if (copied || runs(here, user)) return copied ?? here;
  const folder = mkdtempSync(join(tmpdir(), 'agentq-program-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  for (const part of ['bin', 'dist']) {
    cpSync(fileURLToPath(new URL(`../../../${part}`, import.meta.url)), join(folder, part), { recursive: true });
  }
  cpSync(process.execPath, join(folder, 'node'));
  execFileSync('chmod', ['-R', 'a+rX', folder]);
  copied = { node: join(folder, 'node'), program: join(folder, 'bin/agentq.cjs') };
  if (!existsSync(copied.program) || !runs(copied, user)) {
    throw new Error(`the user ${user.uid} cannot run the program, not even in ${folder}`);
  }
  return copied;
}

function runs({ node, program }: Reachable, user: User): boolean {
  try {
    execFileSync(node, [program, '--version'], { ...user, cwd: '/', stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
