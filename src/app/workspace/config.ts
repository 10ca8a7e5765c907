import * as z from 'zod/mini';
import { formatDuration, parseDuration } from '../../core/duration.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { MAX_CONFIG_BYTES, MIN_LEASE, MIN_REMEMBERED } from '../../core/limits.ts';
import { type Backoff, defaultBackoff } from '../../core/task/retry.ts';
import { readTextFile } from './text-file.ts';

const span = (least = 1) => {
  const bound = least === 1 ? 'of more than nothing' : `of at least ${formatDuration(least)}`;
  return z
    .string()
    .check(z.refine((text) => isSpan(text, least), { error: `must be a duration ${bound}, such as "90s" or "10m"` }));
};

function isSpan(text: string, least: number): boolean {
  try {
    return parseDuration(text) >= least;
  } catch {
    return false;
  }
}

const roleSettings = () =>
  z.strictObject({
    max_attempts: z.optional(z.int().check(z.positive())),
    lease: z.optional(span(MIN_LEASE)),
    timeout: z.optional(span()),
    concurrency: z.optional(z.int().check(z.positive())),
    stuck_after: z.optional(span()),
    backoff: z.optional(
      z.strictObject({
        base: z.optional(span()),
        factor: z.optional(z.number().check(z.gte(1))),
        max: z.optional(span()),
        jitter: z.optional(z.number().check(z.gte(0), z.lte(1))),
      }),
    ),
  });
type RoleSettings = z.infer<ReturnType<typeof roleSettings>>;

/**
 * The schema of a `config.json`. `defaults` apply to every role, `roles` to one. The schema covers only the fields in
 * the file, because every command creates it and most files have few fields.
 */
export const configSchema = (holds: object) =>
  z.strictObject({
    version: z.literal(1),
    /** The folder of the artifact store, absolute or relative to the workspace. Default: the workspace itself. */
    store: z.optional(z.string()),
    /** Whether the group may read and write too. */
    shared: z.optional(z.boolean()),
    /** The broker of the queue. Without it, the queue is in the workspace. */
    url: z.optional(z.string()),
    ...('broker' in holds && { broker: z.optional(brokerSettings()) }),
    ...('retention' in holds && { retention: z.optional(pruneSettings()) }),
    ...('defaults' in holds && { defaults: z.optional(roleSettings()) }),
    ...('roles' in holds && { roles: z.optional(z.record(name('role'), roleSettings())) }),
    /** Whether tasks may be sent only to roles that `roles` names. */
    roles_only: z.optional(z.boolean()),
  });

const pruneSettings = () =>
  z.strictObject({
    /** Workers prune finished tasks of this age. */
    older_than: span(),
    /** Whether dead letters stay. */
    keep_dead: z.optional(z.boolean()),
    /** How long the ids of pruned tasks stay known. */
    remember: z.optional(span(MIN_REMEMBERED)),
  });
type PruneSettings = z.infer<ReturnType<typeof pruneSettings>>;

const brokerSettings = () =>
  z.strictObject({
    /** Whether the queues are quorum queues: as `init --replicated` made them. */
    replicated: z.optional(z.boolean()),
    /** How long a command waits for the broker. */
    timeout: z.optional(span()),
    /** How long a task must be ready before a worker may take it without a message in the work queue. */
    token_grace: z.optional(span()),
    /** How much of the log is kept at least. */
    retention: z.optional(
      z.strictObject({
        days: z.optional(z.int().check(z.positive())),
        bytes: z.optional(z.int().check(z.gte(1_000_000))),
      }),
    ),
  });
type BrokerSettings = z.infer<ReturnType<typeof brokerSettings>>;

export interface Config {
  readonly version: 1;
  readonly store?: string | undefined;
  readonly shared?: boolean | undefined;
  readonly roles_only?: boolean | undefined;
  readonly url?: string | undefined;
  readonly broker?: BrokerSettings | undefined;
  readonly retention?: PruneSettings | undefined;
  readonly defaults?: RoleSettings | undefined;
  readonly roles?: Readonly<Record<string, RoleSettings>> | undefined;
}

/** The settings of a role, with all defaults. Durations in milliseconds. */
export interface RolePolicy {
  /** If absent, the value in the envelope or the default of the core applies. */
  readonly maxAttempts?: number | undefined;
  readonly lease: number;
  readonly timeout?: number | undefined;
  readonly concurrency: number;
  /** After this time without a sign, a task or a role seems to be stuck. */
  readonly stuckAfter: number;
  readonly backoff: Backoff;
}

const DEFAULT_LEASE = 300_000;
const DEFAULT_STUCK_AFTER = 900_000;

/** The settings of the broker, with all defaults. Durations in milliseconds. */
export interface BrokerPolicy {
  readonly replicated: boolean;
  readonly timeout: number;
  readonly tokenGrace: number;
  readonly retention: { readonly days: number; readonly bytes: number };
}

export function brokerPolicy({ broker = {} }: Config): BrokerPolicy {
  const { replicated = false, timeout = '10s', token_grace = '60s', retention } = broker;
  return {
    replicated,
    timeout: parseDuration(timeout),
    tokenGrace: parseDuration(token_grace),
    retention: { days: retention?.days ?? 30, bytes: retention?.bytes ?? 10_000_000_000 },
  };
}

/** How old tasks are pruned. Durations in milliseconds. */
export interface PrunePolicy {
  /** Absent: workers prune nothing. */
  readonly olderThan: number | undefined;
  readonly keepDead: boolean;
  readonly remember: number;
}

export function prunePolicy({ retention }: Config): PrunePolicy {
  return {
    olderThan: retention && parseDuration(retention.older_than),
    keepDead: retention?.keep_dead ?? false,
    remember: parseDuration(retention?.remember ?? '365d'),
  };
}

/** @throws AgentqError `unreadable-file`, `too-large`, or `usage` if the file is not a valid config. */
export async function readConfig(path: string): Promise<Config> {
  const text = readTextFile(path, MAX_CONFIG_BYTES);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AgentqError(
      'usage',
      `${path} cannot be read as JSON${placeIn(error as Error)}`,
      'correct the file: docs/config.md',
    );
  }
  const parsed = configSchema(Object(json) as object).safeParse(json);
  if (parsed.success) return parsed.data as Config;
  const { configError } = await import('./config-error.ts');
  throw configError(
    path,
    parsed.error.issues[0]!,
    configSchema({ broker: {}, defaults: {}, retention: {}, roles: {} }),
  );
}

/** The position of the error, without the text around it, which may contain a password. */
function placeIn({ message }: Error): string {
  const place = /at position \d+( \(line \d+ column \d+\))?/.exec(message);
  return place ? ` ${place[0]}` : /JSON/.test(message) ? '' : `: ${message}`;
}

export function rolePolicy(config: Config, role: string): RolePolicy {
  const { defaults, roles = {} } = config;
  const own = Object.hasOwn(roles, role) ? roles[role] : undefined;
  const settings = { ...defaults, ...own };
  const backoff = { ...defaults?.backoff, ...own?.backoff };
  const ms = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));
  return {
    maxAttempts: settings.max_attempts,
    lease: ms(settings.lease) ?? DEFAULT_LEASE,
    timeout: ms(settings.timeout),
    concurrency: settings.concurrency ?? 1,
    stuckAfter: ms(settings.stuck_after) ?? DEFAULT_STUCK_AFTER,
    backoff: {
      base: ms(backoff.base) ?? defaultBackoff.base,
      factor: backoff.factor ?? defaultBackoff.factor,
      max: ms(backoff.max) ?? defaultBackoff.max,
      jitter: backoff.jitter ?? defaultBackoff.jitter,
    },
  };
}
