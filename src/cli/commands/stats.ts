import * as z from 'zod/mini';
import { readStats } from '../../app/stats/read-stats.ts';
import { parsePast } from '../../core/duration.ts';
import { dimensions } from '../../core/stats/stats.ts';
import { parseFlags, pastMoment } from '../input/flags.ts';
import { printStats, statsView } from '../output/report/stats-report.ts';
import type { Define } from '../verb.ts';

const Flags = z.object({
  since: z.optional(pastMoment()),
  by: z.optional(z.enum(dimensions, { error: `is not one of ${dimensions.join(', ')}` })),
});

export const define: Define = (command, context) =>
  command
    .option('--since <time>', 'what has happened since then: 1h, or an ISO 8601 time (default: 24h)')
    .option('--by <what>', `a row for each ${dimensions.join(', ')} (default: role)`)
    .action(async (options) => {
      const { since = parsePast('24h'), by = 'role' } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const stats = await readStats(services, since(services.backend.now), by);
      if (cli.io.json) cli.io.data(statsView(stats, by));
      else await printStats(cli.io, stats, by);
    });
