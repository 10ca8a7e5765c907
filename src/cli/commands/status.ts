import * as z from 'zod/mini';
import { describeDrift } from '../../artifacts/store.ts';
import { waitsForBudget } from '../../app/budget/books.ts';
import { findTask } from '../../app/change/apply-command.ts';
import type { Services } from '../../app/workspace/services.ts';
import { awayStore, countingEvidence, driftError, findDrift } from '../../app/evidence/verify.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { duration, parseFlags } from '../input/flags.ts';
import type { Io } from '../output/io.ts';
import { hintAtRoles } from '../role-hint.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { FACT, taskLines } from '../output/report/task-text.ts';
import { driftView, taskView } from '../output/views.ts';
import { untilSignal } from '../process/signals.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  to: z.optional(name('role')),
  stuck: z.optional(z.boolean()),
  watch: z.optional(z.boolean()),
  interval: z.optional(duration()),
});

/** The shortest time between two overviews with --watch, in ms. */
const INTERVAL = 2_000;

export const define: Define = (command, context) =>
  command
    .argument('[id]')
    .option('--to <role>', 'only this role')
    .option('--stuck', 'what seems to be stuck: roles without a worker, and running tasks')
    .option('--watch', 'print the overview again when it has changed, until Ctrl-C')
    .option('--interval <duration>', 'with --watch: at most once in this time (default: 2s)')
    .action(async (id: string | undefined, options) => {
      const { to: role, stuck, watch, interval } = parseFlags(Flags, options);
      if (watch && id !== undefined)
        throw new AgentqError('usage', '--watch is for the overview, and not for one task', `agentq wait ${id}`);
      if (id !== undefined && (stuck || role !== undefined))
        throw new AgentqError('usage', '--to and --stuck are for the overview, and not for one task');
      if (stuck && watch) throw new AgentqError('usage', '--watch is not for --stuck', 'leave one of them out');
      if (interval !== undefined && !watch)
        throw new AgentqError('usage', '--interval is only for --watch', 'add --watch, or leave --interval out');
      const cli = context();
      const services = await cli.services();
      if (id !== undefined) return oneTask(services, cli.io, id);
      if (stuck) {
        const { printStuck } = await import('../output/report/stuck-report.ts');
        return printStuck(services, cli.io, role);
      }
      if (!watch) return overview(services, cli.io, role);
      const { watchOverview } = await import('../../app/overview.ts');
      const { showChanges } = await import('../output/report/watched-overview.ts');
      await untilSignal(cli.system, (signal) => {
        return showChanges(cli, watchOverview(services, interval ?? INTERVAL, signal, role));
      });
    });

async function overview(services: Services, io: Io, role: string | undefined): Promise<void> {
  const { readOverview } = await import('../../app/overview.ts');
  const { overviewView, printOverview } = await import('../output/report/overview.ts');
  const current = await readOverview(services, role);
  const isUnknown = role !== undefined && current.counts.roles.length === 0;
  const isMisspelt = isUnknown && (await hintAtRoles(io, services, [role])) > 0;
  if (io.json) io.data(overviewView(current));
  else if (!isMisspelt) await printOverview(io, current);
}

async function oneTask(services: Services, io: Io, id: string): Promise<void> {
  const { store, backend } = services;
  const task = await findTask(services, id);
  const held = await waitsForBudget(services, task);
  const differing = await findDrift(store, countingEvidence(task));
  const away = differing.length > 0 ? await awayStore(store) : undefined;
  const drifts = away ? [] : differing;
  if (io.json) {
    io.data({
      ...taskView(store, task),
      ...(held !== undefined && { waits_for_budget: held }),
      drift: drifts.map((drift) => driftView(store, drift)),
    } satisfies Output<'status ID'>);
  } else {
    const style = await io.style();
    for (const line of taskLines(task, backend.now, style, { held })) io.prose(line, FACT);
    for (const drift of drifts) io.prose(style.red(`drift      ${visible(describeDrift(drift))}`), FACT);
  }
  if (away) throw away;
  if (drifts.length > 0) {
    throw driftError(task, drifts);
  }
}
