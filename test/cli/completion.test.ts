import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { missing } from '../terminal/shells.ts';
import { noTmux, Terminal } from '../terminal/tmux.ts';
import { fixtures, type Shell, type Shells } from './harness.ts';

const test = base.extend<Shells>(fixtures);

const PROGRAM = join(import.meta.dirname, '../../bin/agentq.cjs');

async function candidates(q: Shell, ...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await q.run('__complete', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]!]));
}

async function prepare(q: Shell): Promise<void> {
  const submit = (id: string, role: string) => q.ok('submit', '--to', role, '--id', id, '--instructions', 'x');
  await submit('alpha-1', 'docs-worker');
  await submit('alpha-2', 'merger');
  await submit('beta-1', 'merger');
  await submit('dead-1', 'merger');
  await q.ok('cancel', 'alpha-2');
  await q.ok('fail', 'dead-1', '--from', 'merger', '--reason', 'x');
}

describe('the candidates for a word', () => {
  test('are commands, options, values, ids and roles', async ({ q }) => {
    await prepare(q);
    q.write('.agentq/config.json', JSON.stringify({ version: 1, roles: { 'docs-writer': {} } }));
    const cases: [string[], string[]][] = [
      [['sub'], ['submit']],
      [['help', 'dl'], ['dlq']],
      [['dlq', 're'], ['retry']],
      [['submit', '--pri'], ['--priority']],
      [
        ['submit', '--priority', ''],
        ['low', 'normal', 'high'],
      ],
      [['submit', '--priority=h'], ['--priority=high']],
      // bash splits a word at an equal sign.
      [['submit', '--priority', '=', 'h'], ['high']],
      [
        ['submit', '--priority', '='],
        ['low', 'normal', 'high'],
      ],
      [['list', '--status', 'queued,w'], ['queued,working']],
      [
        ['submit', '--to', 'd'],
        ['docs-worker', 'docs-writer'],
      ],
      [['--json', 'work', '--as', 'm'], ['merger']],
      [
        ['show', 'alpha'],
        ['alpha-2', 'alpha-1'],
      ],
      // Commands that end a task are for open ones.
      [
        ['cancel', ''],
        ['alpha-1', 'beta-1'],
      ],
      [['cancel', 'alpha-1', ''], ['beta-1']],
      [['dlq', 'retry', ''], ['dead-1']],
      [
        ['completion', ''],
        ['bash', 'zsh', 'fish'],
      ],
      [['submit', '--file', ''], [':files']],
      [['work', '--as', 'r', '--', ''], [':files']],
      [['submit', '--instructions', ''], []],
      [['no-such-verb', ''], []],
    ];
    for (const [words, found] of cases)
      expect([words, (await candidates(q, ...words)).toSorted()]).toEqual([words, found.toSorted()]);
    const verbs = (await q.ok('help')).split('Commands:')[1]!.matchAll(/^ {2}([a-z]+)/gm);
    expect(await candidates(q, '')).toEqual([...[...verbs].map(([, verb]) => verb), 'help']);
    expect(await candidates(q, 'list', '-')).toEqual(expect.arrayContaining(['--to', '--dir', '--help']));
  });

  test('are at most 100, and come from the folder that the command line names', async ({ q }) => {
    const rows = Array.from({ length: 150 }, (_, n) =>
      JSON.stringify({ task_id: `t${n}`, to: 'r', instructions: 'x' }),
    );
    q.write('b.jsonl', rows.join('\n'));
    await q.ok('submit', '--batch', 'b.jsonl');
    expect(await candidates(q, 'show', 't')).toHaveLength(100);
    expect(await candidates(q, 'show', 't149')).toEqual(['t149']);
    const elsewhere = q.with({ cwd: '/' });
    expect(await candidates(elsewhere, 'show', 't149')).toEqual([]);
    expect(await candidates(elsewhere, 'show', '--dir', q.cwd, 't149')).toEqual(['t149']);
    expect(await candidates(elsewhere, `--dir=${q.cwd}`, 'show', 't149')).toEqual(['t149']);
  });

  test('change no file, and an unreadable queue has none', async ({ q }) => {
    await prepare(q);
    const state = () =>
      readdirSync(q.path('.agentq'), { recursive: true, encoding: 'utf8' })
        .filter((name) => !name.endsWith('-shm'))
        .map((name) => [name, statSync(q.path('.agentq', name)).mtimeMs]);
    const before = state();
    expect(await candidates(q, 'show', 'alpha')).toHaveLength(2);
    expect(await candidates(q, 'submit', '--to', 'm')).toHaveLength(1);
    expect(state()).toEqual(before);
    q.write('.agentq/agentq.db', 'no database');
    expect(await candidates(q, 'show', '')).toEqual([]);
    q.write('.agentq/config.json', '{');
    expect(await candidates(q, 'show', '')).toEqual([]);
  });

  test('need no connection to a broker', async ({ q }) => {
    const far = q.with({ env: { AGENTQ_URL: 'amqp://nobody:x@127.0.0.1:1/none' } });
    expect(await candidates(far, 'show', '')).toEqual([]);
    expect(await candidates(far, 'list', '--status', 'can')).toEqual(['cancelled']);
    expect(readdirSync(q.path('.agentq')).filter((name) => name.startsWith('cache'))).toEqual([]);
  });
});

test('completion refuses another shell', async ({ bare }) => {
  expect(await bare.refused('completion', 'tcsh')).toMatchObject({
    exit: 2,
    hint: 'give bash, zsh, fish; see: agentq help completion',
  });
});

/** How each shell starts with a prompt that a test can wait for, as a command of sh and its start file. */
const shells = {
  bash: {
    start: 'bash --rcfile "$HOME/start"',
    file: `PS1='ready> '\neval "$(agentq completion bash)"`,
  },
  zsh: {
    start: 'cp "$HOME/start" "$HOME/.zshrc"; ZDOTDIR="$HOME" zsh',
    file: `PROMPT='ready> '\neval "$(agentq completion zsh)"`,
  },
  fish: {
    start: 'fish --no-config --init-command \'source "$HOME/start"\'',
    file: `function fish_prompt; printf 'ready> '; end\nagentq completion fish | source`,
  },
} as const;

const absent = missing(...Object.keys(shells));

for (const [name, { start, file }] of Object.entries(shells)) {
  const reason = noTmux ?? absent.get(name);
  describe.skipIf(reason !== undefined)(`completion in ${name}${reason === undefined ? '' : ` (${reason})`}`, () => {
    test('completes commands, options, values, roles, ids and paths', async ({ q, onTestFinished }) => {
      await prepare(q);
      q.write('notes-of-today.md', 'notes');
      q.write('agentq', `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
      chmodSync(q.path('agentq'), 0o755);
      // A shell that ends may still write there.
      const home = mkdtempSync(join(tmpdir(), 'agentq-home-'));
      onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }));
      using terminal = new Terminal({
        columns: 120,
        rows: 50,
        cwd: q.cwd,
        env: { HOME: home, HISTFILE: '/dev/null', fish_history: '', LC_ALL: 'C.UTF-8', TERM: 'xterm' },
      });
      // tmux gives its windows the PATH of its own.
      writeFileSync(join(home, 'start'), `${file}\n`);
      terminal.enter(`PATH="$PWD:$PATH"; export PATH; ${start}`);
      await terminal.shows(/^ready>/m);
      for (const [typed, completed] of [
        ['agentq canc', 'agentq cancel '],
        ['agentq submit --prio', 'agentq submit --priority '],
        ['agentq submit --priority h', 'agentq submit --priority high '],
        ['agentq claim --as docs', 'agentq claim --as docs-worker '],
        ['agentq show bet', 'agentq show beta-1 '],
        ['agentq list --status=canc', 'agentq list --status=cancelled '],
        ['agentq submit --file notes', 'agentq submit --file notes-of-today.md '],
      ] as const) {
        terminal.type(typed);
        terminal.press('Tab');
        // The cursor stands after the blank that follows a complete word.
        terminal.type('X');
        await terminal.shows(`${completed}X`);
        terminal.press('C-u');
      }
    });
  });
}
