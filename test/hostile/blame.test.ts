import { renameSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test as base } from 'vitest';
import { blame } from '../../src/app/worker/blame.ts';
import { Ground } from '../../src/app/worker/ground.ts';
import { AgentqError } from '../../src/core/errors.ts';
import { findWorkspace } from '../../src/app/workspace/workspace.ts';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';

const test = base.extend<Shells>(fixtures);

const groundOf = async (q: Shell) => {
  const workspace = await findWorkspace(undefined, { cwd: q.cwd });
  return new Ground({ workspace, store: new FsStore(workspace.storeDir, 0o600, 0o700) });
};

/** An error as Node.js throws it. */
const system = (code: keyof typeof constants.errno) =>
  Object.assign(new Error(`${code}: it went wrong, open '/x'`), {
    code,
    errno: -constants.errno[code],
    syscall: 'open',
  });

const wrapped = (code: keyof typeof constants.errno) => new AgentqError('storage', 'a message', 'hint', system(code));

describe('an error that a child can cause fails the attempt', () => {
  const errors = [
    'ENOENT',
    'ENOTDIR',
    'EISDIR',
    'EEXIST',
    'ELOOP',
    'EACCES',
    'EPERM',
    'ENOTEMPTY',
    'ENAMETOOLONG',
  ] as const;

  test.for(errors)('%s', async (code, { q }) => {
    for (const error of [system(code), wrapped(code), new AgentqError('unreadable-file', 'x', 'y', system(code))])
      expect(await blame(error, await groundOf(q))).toEqual({ on: 'attempt', reason: error.message, retry: true });
  });

  test.for(['unreadable-file', 'missing-artifacts', 'invalid-name', 'too-large'] as const)(
    '%s',
    async (code, { q }) => {
      expect(await blame(new AgentqError(code, 'a message'), await groundOf(q))).toEqual({
        on: 'attempt',
        reason: 'a message',
        retry: true,
      });
    },
  );

  test('a fault in the program', async ({ q }) => {
    expect(await blame(new TypeError('x is not y'), await groundOf(q))).toMatchObject({ on: 'attempt', retry: true });
  });

  test('a context that has drifted, without a retry', async ({ q }) => {
    expect(await blame(new AgentqError('drift', 'a message'), await groundOf(q))).toEqual({
      on: 'attempt',
      reason: 'a message',
      retry: false,
    });
  });
});

describe('an error of the machine ends the worker', () => {
  test.for(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE'] as const)(
    '%s',
    async (code, { q }) => {
      for (const error of [system(code), wrapped(code), new AgentqError('unreadable-file', 'x', 'y', system(code))])
        expect(await blame(error, await groundOf(q))).toMatchObject({
          on: 'machine',
          error: { message: error.message },
        });
    },
  );

  test.for(['storage', 'busy', 'corrupt', 'newer-schema', 'no-workspace'] as const)('%s', async (code, { q }) => {
    const error = new AgentqError(code, 'a message');
    expect(await blame(error, await groundOf(q))).toEqual({ on: 'machine', error });
  });

  test('an error of the system gets a code of agentq', async ({ q }) => {
    expect(await blame(system('ENOSPC'), await groundOf(q))).toMatchObject({ error: { code: 'storage' } });
  });

  test('any error, if the workspace was moved', async ({ q }) => {
    const ground = await groundOf(q);
    renameSync(q.path('.agentq'), q.path('moved'));
    expect(await blame(system('ENOENT'), ground)).toMatchObject({ on: 'machine', error: { code: 'storage' } });
  });
});
