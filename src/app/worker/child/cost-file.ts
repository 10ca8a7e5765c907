import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import * as z from 'zod/mini';
import { type Cost, costForm, roundedCost } from '../../../core/cost.ts';

/** How much of the end of the file is read, in bytes. */
const MOST_BYTES = 1024 * 1024;

/**
 * The forms of a report. agentq's own form is `{"usd": 0.12, "tokens": 5300}`. The others are what `claude -p
 * --output-format json` prints, and the line `turn.completed` of `codex exec --json`.
 */
const count = () => z.optional(z.nullable(z.number()));
const Report = z.object({
  usd: z.optional(z.number()),
  tokens: z.optional(z.number()),
  total_cost_usd: count(),
  usage: z.optional(
    z.nullable(
      z.object({
        input_tokens: count(),
        output_tokens: count(),
        // Of Claude, and not part of input_tokens there. Codex counts cached tokens as input.
        cache_creation_input_tokens: count(),
        cache_read_input_tokens: count(),
      }),
    ),
  ),
});

/**
 * The file in which a child reports what its attempt has cost so far. The child may write it at any time, so that a
 * read may find a part of a report: then the last whole report counts.
 */
export class CostFile {
  readonly path: string;
  #version: string | undefined;
  #cost: Cost | undefined;
  #problem: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** The last valid report; undefined if there is none. */
  get cost(): Cost | undefined {
    return this.#cost;
  }

  /** Why the present content of the file is not a report; undefined if it is one, or there is no file. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Reads the file if it has changed. @returns whether there is another cost than before */
  read(): boolean {
    const before = this.#cost;
    try {
      this.#read();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') this.#problem = undefined;
      else this.#problem = code === 'ELOOP' ? 'it is a link' : message;
    }
    return this.#cost?.usd !== before?.usd || this.#cost?.tokens !== before?.tokens;
  }

  #read(): void {
    const fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const info = fstatSync(fd, { bigint: true });
      if (!info.isFile()) throw new Error('it is not a regular file');
      const version = `${info.ino} ${info.size} ${info.mtimeNs}`;
      if (version === this.#version) return;
      const size = Number(info.size);
      const end = Buffer.alloc(Math.min(size, MOST_BYTES));
      const text = end.toString('utf8', 0, readSync(fd, end, 0, end.length, size - end.length));
      const found = text.trim() === '' ? undefined : lastReport(text);
      this.#version = version;
      this.#cost = found?.cost ?? this.#cost;
      this.#problem = found?.problem;
    } finally {
      closeSync(fd);
    }
  }
}

type Found =
  { readonly cost: Cost; readonly problem?: undefined } | { readonly cost?: undefined; readonly problem: string };

const NONE: Found = { problem: 'it contains no report such as {"usd":0.12,"tokens":5300}' };

/** The last report in the text, which is JSON or JSON Lines. */
function lastReport(text: string): Found {
  const whole = parsed(text);
  if (whole !== undefined) return [whole].flat().map(reportIn).findLast(isReport) ?? NONE;
  const lines = text.trimEnd().split('\n');
  for (const line of lines.toReversed()) {
    const found = reportIn(parsed(line));
    if (found) return found;
  }
  return NONE;
}

const isReport = (found: Found | undefined): found is Found => found !== undefined;

/** @returns undefined if the value is not about costs, such as most lines of a log of an agent */
function reportIn(value: unknown): Found | undefined {
  const { data } = Report.safeParse(value);
  if (!data) return undefined;
  const { usage } = data;
  const used =
    usage &&
    [usage.input_tokens, usage.output_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens].filter(
      (one) => typeof one === 'number',
    );
  const usd = data.usd ?? data.total_cost_usd ?? undefined;
  const tokens = data.tokens ?? (used && used.length > 0 ? used.reduce((sum, one) => sum + one, 0) : undefined);
  if (usd === undefined && tokens === undefined) return undefined;
  const checked = costForm().safeParse({ usd, tokens });
  if (checked.success) return { cost: roundedCost(checked.data)! };
  return { problem: checked.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ') };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
