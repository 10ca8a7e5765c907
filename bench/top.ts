import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Request } from '../src/backend/backend.ts';
import { noTmux, Terminal } from '../test/terminal/tmux.ts';
import { makeWorkspace, program } from './agentq.ts';
import { type Measure, type Row } from './figure.ts';
import { type Filling, openFilling } from './filling.ts';

/** The share of a core. */
const BOUND = 0.1;

/** The present screen of many people is smaller; the cost grows with the size. */
const SIZE = { columns: 120, rows: 40 };

/** The tasks of the queue by what they do. */
const WORKING = 50;
const DEAD = 50;
const WAITING = 4_900;
const DONE = 5_000;

/** Changes in a second: each is another screen. */
const RATE = 10;

/** Not measured: the program starts and compiles its code. */
const WARM_UP = 5_000;

/** The ticks of a second in /proc. */
const TICKS = 100;

/**
 * The CPU time of `agentq top` in a real terminal, while the queue changes ten times a second, and while nothing
 * changes.
 */
export const top: Measure = async ({ dir, quick }) => {
  if (noTmux) throw new Error(noTmux);
  const workspace = makeWorkspace(dir);
  const filling = await openFilling(workspace);
  await filling.services.backend.commit(scene(filling));
  using terminal = new Terminal({ ...SIZE, cwd: workspace });
  terminal.enter(`sh -c 'echo $$ >pid; exec "${process.execPath}" "${program}" top'`);
  await terminal.shows(`${WORKING} working`);
  const pid = Number(readFileSync(join(workspace, 'pid'), 'utf8'));
  const seconds = quick ? 3 : 20;
  await changing(filling, WARM_UP);
  const busy = await costOf(pid, () => changing(filling, seconds * 1_000));
  await pause(2_000);
  const idle = await costOf(pid, () => pause(seconds * 1_000));
  await filling.services.backend.close();
  const size = `${SIZE.columns}x${SIZE.rows}, ${(WORKING + DEAD + WAITING + DONE).toLocaleString('en')} tasks`;
  return [
    row(`top: share of a core at ${RATE} changes a second (${size})`, busy),
    row('the same while nothing changes but the ages', idle),
  ];
};

function row(figure: string, { share, screens }: Cost): Row {
  const measured = `${(share * 100).toFixed(1)} %, ${screens.toFixed(1)} screens/s`;
  return { figure, measured, bound: `≤ ${BOUND * 100} %`, met: share <= BOUND };
}

function* scene({ services, envelope }: Filling): Generator<Request> {
  const submit = (task_id: string): Request => ({
    task_id,
    command: { type: 'submit', envelope: { ...envelope, task_id } },
  });
  const claim = (task_id: string): Request => ({
    task_id,
    command: { type: 'claim', worker: 'bench@host', lease: 3_600_000 },
  });
  for (let i = 0; i < WAITING; i++) yield submit(services.newId());
  for (let i = 0; i < DONE; i++) {
    const id = services.newId();
    yield submit(id);
    yield claim(id);
    yield { task_id: id, command: { type: 'complete', by: 'bench', attempt: 1, summary: 'done', artifacts: [] } };
  }
  for (let i = 0; i < DEAD; i++) {
    yield submit(`dead-${i}`);
    yield {
      task_id: `dead-${i}`,
      command: { type: 'fail', by: 'bench', reason: 'no disk', artifacts: [] },
    };
  }
  for (let i = 0; i < WORKING; i++) {
    yield submit(`working-${i}`);
    yield claim(`working-${i}`);
  }
}

/** Changes the progress of running tasks, ten times a second. */
async function changing({ services }: Filling, ms: number): Promise<void> {
  const begin = performance.now();
  for (let n = 0; performance.now() < begin + ms; n++) {
    const command = {
      type: 'renew',
      by: 'bench',
      attempt: 1,
      lease: 3_600_000,
      percent: n % 100,
      note: `step ${n}`,
    } as const;
    const [outcome] = await services.backend.commit([{ task_id: `working-${n % 10}`, command }]);
    if (!outcome?.changed) throw new Error(`a renewal was refused: ${outcome?.refusal?.message}`);
    await pause(Math.max(0, begin + ((n + 1) * 1_000) / RATE - performance.now()));
  }
}

/** What a process costs during an action. */
interface Cost {
  /** CPU time, as a share of the duration. */
  readonly share: number;
  /** The writes in a second: a screen is one. Writes to files of the queue do not happen. */
  readonly screens: number;
}

async function costOf(pid: number, action: () => Promise<void>): Promise<Cost> {
  const before = { ...usageOf(pid), at: performance.now() };
  await action();
  const { cpu, writes } = usageOf(pid);
  const seconds = (performance.now() - before.at) / 1_000;
  return { share: (cpu - before.cpu) / seconds, screens: (writes - before.writes) / seconds };
}

/** CPU time in seconds, user and system together, and the number of writes. */
function usageOf(pid: number): { readonly cpu: number; readonly writes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, writes] = /^syscw: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8')) ?? [];
  return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS, writes: Number(writes) };
}
