import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { parseDuration } from '../core/duration.ts';
import { AgentqError } from '../core/errors.ts';
import { name } from '../core/identifiers.ts';
import { type Backoff, defaultBackoff } from '../core/retry.ts';

const Span = () =>
  z
    .string()
    .check(
      z.refine((text) => isSpan(text), { error: 'must be a duration of more than nothing, such as "90s" or "10m"' }),
    );

function isSpan(text: string): boolean {
  try {
    return parseDuration(text) > 0;
  } catch {
    return false;
  }
}

const RoleSettings = () =>
  z.strictObject({
    max_attempts: z.optional(z.int().check(z.positive())),
    lease: z.optional(Span()),
    timeout: z.optional(Span()),
    concurrency: z.optional(z.int().check(z.positive())),
    backoff: z.optional(
      z.strictObject({
        base: z.optional(Span()),
        factor: z.optional(z.number().check(z.gte(1))),
        max: z.optional(Span()),
        jitter: z.optional(z.number().check(z.gte(0), z.lte(1))),
      }),
    ),
  });

/** The file `config.json` of a workspace. `defaults` hold for every role, `roles` for one. */
export const Config = z.strictObject({
  version: z.literal(1),
  /** Where the artifact store lies, absolute or relative to the workspace; the workspace itself where it is left out. */
  store: z.optional(z.string()),
  /** Whether the group may read and write too. */
  shared: z.optional(z.boolean()),
  defaults: z.optional(z.lazy(RoleSettings)),
  roles: z.optional(z.lazy(() => z.record(name('role'), RoleSettings()))),
});
export type Config = z.infer<typeof Config>;

/** What holds for a role, with every default filled in. Spans in milliseconds. */
export interface RolePolicy {
  /** Absent: the envelope's own, or the core's default. */
  readonly maxAttempts?: number | undefined;
  readonly lease: number;
  readonly timeout?: number | undefined;
  readonly concurrency: number;
  readonly backoff: Backoff;
}

const DEFAULT_LEASE = 300_000;

/** @throws AgentqError `usage` where the file is not a valid config. */
export function readConfig(path: string): Config {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AgentqError('usage', `${path} cannot be read as JSON: ${(error as Error).message}`, 'mend the file');
  }
  const parsed = Config.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new AgentqError('usage', `${path}: ${issue.path.join('.') || 'it'}: ${issue.message}`, 'see docs/config.md');
}

export function rolePolicy(config: Config, role: string): RolePolicy {
  const settings = { ...config.defaults, ...config.roles?.[role] };
  const backoff = { ...config.defaults?.backoff, ...config.roles?.[role]?.backoff };
  const span = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));
  return {
    maxAttempts: settings.max_attempts,
    lease: span(settings.lease) ?? DEFAULT_LEASE,
    timeout: span(settings.timeout),
    concurrency: settings.concurrency ?? 1,
    backoff: {
      base: span(backoff.base) ?? defaultBackoff.base,
      factor: backoff.factor ?? defaultBackoff.factor,
      max: span(backoff.max) ?? defaultBackoff.max,
      jitter: backoff.jitter ?? defaultBackoff.jitter,
    },
  };
}
