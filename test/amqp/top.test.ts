import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { startProxy } from '../broker/tcp-proxy.ts';
import { noTmux, Terminal } from '../terminal/tmux.ts';
import { test } from './fixture.ts';
import { SLOW } from './site.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/agentq.cjs');

describe.skipIf(noTmux)(`agentq top on a broker${noTmux ? ` (${noTmux})` : ''}`, { timeout: SLOW }, () => {
  test('shows what other machines do, says that the broker is away, and goes on when it is back', async ({ cast }) => {
    const { lead, one } = cast;
    await lead.ok('submit', '--to', 'r', '--id', 'first', '--instructions', 'x');
    const url = new URL(cast.site.url);
    const proxy = await startProxy(Number(url.port));
    onTestFinished(() => proxy.close());
    url.host = `127.0.0.1:${proxy.port}`;

    using terminal = new Terminal({
      columns: 80,
      rows: 24,
      cwd: lead.folder,
      env: { NODE: process.execPath, AGENTQ: PROGRAM, AGENTQ_URL: url.href },
    });
    terminal.enter('"$NODE" "$AGENTQ" --broker-timeout 30s top; echo ended with $?');
    await terminal.shows('1 queued, 0 working');
    await one.ok('claim', '--as', 'r', '--worker', 'far');
    await one.ok('progress', 'first', '--from', 'r', '--percent', '50', '--note', 'half');
    await terminal.shows(/^first .* far .* 50%/m);

    await proxy.cut();
    await terminal.shows('no broker at');
    terminal.press('Down');
    await terminal.shows('no broker at');
    // What was read stays on the screen.
    expect(terminal.screen).toMatch(/^first .* far .* 50%/m);
    await one.ok('progress', 'first', '--from', 'r', '--percent', '75', '--note', 'more');
    await proxy.heal();
    await terminal.shows(/^first .* 75%/m);
    await terminal.until((screen) => !screen.includes('no broker at'), 'that the broker is back');
    terminal.press('c', 'y');
    await terminal.shows('first is cancelled');
    expect(await one.json('status', 'first')).toMatchObject({ status: 'cancelled', cancelled_by: 'coordinator' });
    terminal.press('q');
    await terminal.shows('ended with 0');
  });
});
