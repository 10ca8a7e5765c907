// npm run bench -- [--only NAME]... [--quick] [--check]
// Measures the figures of the program, each together with its baseline, and prints a table.
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { amqpCycles } from './amqp-cycles.ts';
import { amqpFold } from './amqp-fold.ts';
import { amqpSnapshot } from './amqp-snapshot.ts';
import { amqpStartUp } from './amqp-start-up.ts';
import { amqpWake } from './amqp-wake.ts';
import { amqpWorkers } from './amqp-workers.ts';
import { batch } from './batch.ts';
import { bigStore } from './big-store.ts';
import { BenchBroker } from './broker.ts';
import { cycles } from './cycles.ts';
import type { Measure, Row } from './figure.ts';
import { memory } from './memory.ts';
import { startUp } from './start-up.ts';
import { top } from './top.ts';
import { wake } from './wake.ts';

const TMPFS = 0x01021994;

const figures: Readonly<Record<string, Measure>> = {
  'start-up': startUp,
  'big-store': bigStore,
  cycles,
  batch,
  wake,
  memory,
  top,
  'amqp-start-up': amqpStartUp,
  'amqp-fold': amqpFold,
  'amqp-snapshot': amqpSnapshot,
  'amqp-cycles': amqpCycles,
  'amqp-wake': amqpWake,
  'amqp-workers': amqpWorkers,
};

const { values: options } = parseArgs({
  options: {
    /** Only this figure; repeatable. */
    only: { type: 'string', multiple: true, default: Object.keys(figures) },
    /** Fewer rounds and smaller stores, as a test of the bench itself: not for comparing with bounds. */
    quick: { type: 'boolean', default: false },
    /** Fail if a bound is missed. */
    check: { type: 'boolean', default: false },
  },
});
const unknown = options.only.find((name) => !(name in figures));
if (unknown !== undefined) throw new Error(`--only ${unknown}: there is ${Object.keys(figures).join(', ')}`);

const dir = mkdtempSync(join(tmpdir(), 'agentq-bench-'));
// Remove the folder also after a failure: it may contain a store of a million tasks.
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const rows: Row[] = [];
const broker = new BenchBroker();
try {
  for (const name of new Set(options.only)) {
    process.stderr.write(`${name} …`);
    const before = performance.now();
    const own = join(dir, name);
    mkdirSync(own);
    rows.push(...(await figures[name]!({ dir: own, quick: options.quick, broker })));
    rmSync(own, { recursive: true });
    process.stderr.write(` ${((performance.now() - before) / 1_000).toFixed(0)} s\n`);
  }
} finally {
  await broker[Symbol.asyncDispose]();
  // Print the table also after a failure, because the other figures took minutes.
  console.log(`\n${machine()}\n\n${table(rows)}`);
}
if (options.check && rows.some((row) => !row.met)) process.exitCode = 1;

function machine(): string {
  const { version, platform, arch } = process;
  const disk = statfsSync(dir).type === TMPFS ? ' (in memory, where a sync costs nothing)' : '';
  const cores = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown kind'}`;
  return `node ${version}, ${platform} ${arch}, ${cores}, stores in ${tmpdir()}${disk}${options.quick ? ', quick' : ''}`;
}

function table(rows: readonly Row[]): string {
  const cells = [
    ['FIGURE', 'MEASURED', 'BASELINE', 'RATIO', 'BOUND', ''],
    ...rows.map(({ figure, measured, baseline, ratio, bound, met }) => [
      figure,
      measured,
      baseline ?? '',
      ratio?.toFixed(2) ?? '',
      bound,
      met ? 'ok' : 'MISSED',
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return cells.map((row) => row.map(padded).join('  ').trimEnd()).join('\n');
}
