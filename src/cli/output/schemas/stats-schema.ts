import * as z from 'zod/mini';
import { dimensions } from '../../../core/stats/stats.ts';
import { CostView, Moment, text } from './task-schemas.ts';

/** Durations in seconds. */
const DistributionView = z.object({ count: z.number(), p50: z.number(), p90: z.number(), p99: z.number() });

export const FiguresView = z.object({
  submitted: z.number(),
  completed: z.number(),
  failed: z.number(),
  cancelled: z.number(),
  expired: z.number(),
  failure_rate: z.optional(z.number()),
  retries: z.number(),
  wait: z.optional(DistributionView),
  run: z.optional(DistributionView),
  cost: z.optional(CostView),
});
export type FiguresView = z.infer<typeof FiguresView>;

/** The JSON output of `stats`. */
export const StatsView = z.object({
  since: Moment,
  until: Moment,
  by: z.enum(dimensions),
  total: FiguresView,
  /** `key` is the role, worker, type or group; absent for tasks without one. */
  parts: z.array(z.object({ key: text, ...FiguresView.shape })),
});
