import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { runProgram } from './support/program.ts';
import { colleague, reachable, unprivileged } from './support/unprivileged.ts';

interface Homes extends Shells {
  /** A folder that belongs to the user. */
  home: string;
  /** Runs the program as the user, with these additional environment variables. */
  asUser: (env?: Readonly<Record<string, string>>) => Promise<void>;
}

function chownTo(path: string, user = unprivileged): void {
  if (user) chownSync(path, user.uid, user.gid);
}

const test = base.extend<Homes>({
  ...fixtures,
  home: async ({ bare }, use) => {
    chmodSync(bare.cwd, 0o755);
    mkdirSync(bare.path('home'), { mode: 0o700 });
    chownTo(bare.path('home'));
    mkdirSync(bare.path('tmp'));
    chmodSync(bare.path('tmp'), 0o1777);
    await use(bare.path('home'));
  },
  asUser: ({ bare, home }, use) =>
    use(async (env = {}) => {
      const program = unprivileged && { ...reachable(unprivileged), ...unprivileged };
      const options = { cwd: '/', env: { HOME: home, TMPDIR: bare.path('tmp'), ...env }, ...program };
      expect(await runProgram(options, '--version')).toMatchObject({ code: 0, stderr: '' });
    }),
});

/** All files below a folder. */
const filesIn = (folder: string) =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()) : [];

test('compiled code is stored only in the cache folder of the user', async ({ bare, home, asUser }) => {
  await asUser();
  expect(filesIn(`${home}/.cache/agentq/compile-cache`)).not.toEqual([]);
  expect(statSync(`${home}/.cache/agentq`).mode & 0o777).toBe(0o700);
  expect(readdirSync(bare.path('tmp'))).toEqual([]);
});

test('compiled code is stored in the folder that XDG_CACHE_HOME names', async ({ home, asUser }) => {
  mkdirSync(`${home}/xdg`, { mode: 0o700 });
  chownTo(`${home}/xdg`);
  await asUser({ XDG_CACHE_HOME: `${home}/xdg` });
  expect(filesIn(`${home}/xdg/agentq/compile-cache`)).not.toEqual([]);
  expect(existsSync(`${home}/.cache`)).toBe(false);
});

test('a cache folder that is a link is used by its real path', async ({ bare, home, asUser }) => {
  mkdirSync(bare.path('disk'), { mode: 0o700 });
  chownTo(bare.path('disk'));
  symlinkSync(bare.path('disk'), `${home}/.cache`);
  await asUser();
  expect(filesIn(bare.path('disk/agentq/compile-cache'))).not.toEqual([]);
});

test('without HOME the home folder comes from the system', async ({ home, asUser }) => {
  await asUser({ HOME: '' });
  expect(existsSync(`${home}/.cache`)).toBe(false);
});

test('the folder in NODE_COMPILE_CACHE is used', async ({ home, asUser }) => {
  await asUser({ NODE_COMPILE_CACHE: `${home}/chosen` });
  expect(filesIn(`${home}/chosen`).map(({ name }) => name)).toContain('other');
  expect(existsSync(`${home}/.cache/agentq/compile-cache`)).toBe(false);
});

/** A folder that another user has prepared before the cache folder of the user exists. */
interface Prepared {
  readonly make: (home: string, bare: Shell) => void;
  /** Whether only root can prepare it. */
  readonly root?: boolean;
}

const folderOf = (home: string) => `${home}/.cache/agentq`;

function made(path: string, mode: number, user = unprivileged): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chownTo(dirname(path));
  if (!existsSync(path)) mkdirSync(path);
  chmodSync(path, mode);
  chownTo(path, user);
}

const prepared: Readonly<Record<string, Prepared>> = {
  'belongs to another user': { make: (home) => made(folderOf(home), 0o777, colleague), root: true },
  'belongs to another user, with mode 0700': { make: (home) => made(folderOf(home), 0o700, colleague), root: true },
  'can be written by others': { make: (home) => made(folderOf(home), 0o777) },
  'can be read by others': { make: (home) => made(folderOf(home), 0o755) },
  'is a link to a folder of another user': {
    make: (home, bare) => {
      made(bare.path('planted'), 0o777, colleague);
      made(`${home}/.cache`, 0o700);
      symlinkSync(bare.path('planted'), folderOf(home));
    },
  },
  'is a link to a folder of the user': {
    make: (home, bare) => {
      made(bare.path('planted'), 0o700);
      made(`${home}/.cache`, 0o700);
      symlinkSync(bare.path('planted'), folderOf(home));
    },
  },
  'is in a folder that others may write to': {
    make: (home) => {
      made(folderOf(home), 0o700);
      made(`${home}/.cache`, 0o777);
    },
  },
  'is in a folder of another user': {
    make: (home) => {
      made(folderOf(home), 0o700);
      made(`${home}/.cache`, 0o777, colleague);
    },
    root: true,
  },
  'must be created in a folder of another user': {
    make: (home) => made(`${home}/.cache`, 0o777, colleague),
    root: true,
  },
  'is a file': {
    make: (home) => {
      made(`${home}/.cache`, 0o700);
      cpSync(process.argv[1]!, folderOf(home));
    },
  },
};

describe('no code is stored in or run from a folder that', () => {
  for (const [what, { make, root }] of Object.entries(prepared)) {
    test(what, async ({ bare, home, asUser, skip }) => {
      skip(root === true && colleague === undefined, 'only root can run as two users');
      make(home, bare);
      const before = filesIn(bare.cwd).length;
      await asUser();
      expect(filesIn(bare.cwd)).toHaveLength(before);
    });
  }

  test('another user has created in the shared temporary folder', async ({ bare, asUser }) => {
    made(bare.path('tmp/node-compile-cache'), 0o777, colleague);
    chmodSync(bare.path('tmp'), 0o1777);
    await asUser();
    expect(readdirSync(realpathSync(bare.path('tmp/node-compile-cache')))).toEqual([]);
  });
});
