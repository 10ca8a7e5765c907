import { AgentqError } from './errors.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof units;

/** A hundred years, in ms. Beyond that, times are no longer exact integers or valid dates. */
export const LONGEST = 100 * 365 * units.d;

const whole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;

/**
 * Reads `90s`, `1h30m`, `500ms`, `2d`; a number without a unit means seconds.
 * @returns milliseconds, a whole number of at least 0.
 * @throws AgentqError `usage` for any other input; the message continues after the name of the field
 */
export function parseDuration(text: string): number {
  const spec = /^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text;
  if (!whole.test(spec)) {
    throw new AgentqError('usage', `is not a duration: ${JSON.stringify(text)}`, 'write it as 90s, 10m, 1h30m or 2d');
  }
  let total = 0;
  for (const [, amount, unit] of spec.matchAll(part)) total += Number(amount) * units[unit as Unit];
  if (total > LONGEST) throw new AgentqError('usage', `is longer than a hundred years: ${JSON.stringify(text)}`);
  return Math.round(total);
}

/** A day, or a time with its zone. */
const moment = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads a moment in the past: a duration before the present, as `1h`, or an ISO 8601 time. A day begins at 00:00 UTC.
 * @returns the moment for a present, both in ms since 1970
 * @throws AgentqError `usage` for any other input; the message continues after the name of the field
 */
export function parsePast(text: string): (now: number) => number {
  const at = moment.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(at)) return () => at;
  if (/^\d[\d.]*[a-z\d.]*$/.test(text)) {
    const span = parseDuration(text);
    return (now) => now - span;
  }
  const hint = 'write 1h, 2027-01-31 or 2027-01-31T09:00:00Z';
  throw new AgentqError('usage', `is not a time: ${JSON.stringify(text)}`, hint);
}

/** A duration in milliseconds as text with its two largest units: `1h 5m`, `3m 20s`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms <= 0 ? '0s' : `${Math.round(ms)}ms`;
  let rest = Math.round(ms / 1_000);
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = units[unit] / 1_000;
    if (rest >= size) parts.push(`${Math.floor(rest / size)}${unit}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(' ');
}

/** A time relative to now, as text: `3m ago`, `in 20s`, `now`. */
export function formatMoment(at: number, now: number): string {
  const span = Math.abs(now - at);
  if (span < 1_000) return 'now';
  const largest = formatDuration(span).split(' ')[0]!;
  return at < now ? `${largest} ago` : `in ${largest}`;
}
