import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noTmux, Terminal } from '../../terminal/tmux.ts';
import { SCRATCH, Shell } from '../harness.ts';
import { prepare, reason } from './long-names.ts';

const PROGRAM = join(import.meta.dirname, '../../../bin/agentq.cjs');

/** Each prints words that are shorter than the narrowest line, so that the terminal need not break a line. */
const SCENES = ['status', 'list', 'show task-failed471123', 'wait task-9ppjrd2ysy5f --timeout 0'];

/** Longer than the screen is wide is a word only if it is a path. */
const isPath = (line: string) => /\S*\/\S*\/\S*/.test(line);

describe.skipIf(noTmux)(`on a real terminal${noTmux ? ` (${noTmux})` : ''}`, () => {
  for (const columns of [60, 80, 120]) {
    test(`of ${columns} columns, no line is broken by the terminal`, async () => {
      const folder = realpathSync(mkdtempSync(join(SCRATCH, 'q-')));
      try {
        const q = new Shell(folder);
        q.clock.now = Date.now();
        await prepare(q);
        const commands = SCENES.map((scene) => `echo "== ${scene}"; "$NODE" "$AGENTQ" ${scene}`);
        q.write('scenes.sh', [...commands, 'echo "== end"'].join('\n'));
        using terminal = new Terminal({
          columns,
          rows: 250,
          cwd: folder,
          env: { AGENTQ: PROGRAM, NODE: process.execPath, LC_ALL: 'C.UTF-8' },
        });
        terminal.enter('clear; sh scenes.sh');
        const screen = await terminal.shows(/^== end$/m);
        const lines = terminal.lines();
        const broken = terminal.joinedLines().filter((line) => !lines.includes(line));
        expect(broken.filter((line) => !isPath(line))).toEqual([]);
        // The tables are there, and use the width.
        expect(screen).toMatch(/^task-failed471123 +failed /m);
        expect(screen).toContain('設計');
        expect(screen.replaceAll(/\s+/g, ' ')).toContain(reason);
        expect(Math.max(...lines.map((line) => line.length))).toBeGreaterThan(columns - 12);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  test('status --watch redraws, and Ctrl-C ends it', async () => {
    const folder = realpathSync(mkdtempSync(join(SCRATCH, 'q-')));
    try {
      const q = new Shell(folder);
      q.clock.now = Date.now();
      await q.ok('init');
      await q.submit('first');
      using terminal = new Terminal({
        columns: 80,
        rows: 20,
        cwd: folder,
        env: { AGENTQ: PROGRAM, NODE: process.execPath, LC_ALL: 'C.UTF-8' },
      });
      terminal.enter('"$NODE" "$AGENTQ" status --watch --interval 200ms; echo "code $?"');
      await terminal.shows(/^ROLE[^]*^r +1 /m);
      await q.submit('second');
      const screen = await terminal.shows(/^r +2 /m);
      expect(screen.match(/^ROLE/gm)).toHaveLength(1);
      terminal.press('C-c');
      await terminal.shows(/code 0$/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
