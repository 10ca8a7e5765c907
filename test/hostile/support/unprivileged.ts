import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { Sandbox, test as base, type User } from '../../worker/harness.ts';

/** Two unprivileged users in one group. They need no account. */
const GROUP = 64_100;
const users = [
  { uid: 64_101, gid: GROUP },
  { uid: 64_102, gid: GROUP },
] as const satisfies readonly User[];

const isRoot = process.getuid?.() === 0;

/** An unprivileged user: another user if the tests run as root, otherwise the user of the tests. */
export const unprivileged: User | undefined = isRoot ? users[0] : undefined;

/** A second user of the same group. Undefined if the tests do not run as root. */
export const colleague: User | undefined = isRoot ? users[1] : undefined;

/** A test with a new sandbox, whose programs and children run as {@link unprivileged}. */
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

/** Paths of Node.js and of the built program that the user can run. Copies both to a readable place if necessary. */
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
