import type { Arguments } from './topology.ts';

/** RabbitMQ's error text for a difference. */
const NAMED = /arg '([^']+)'.*received (.*) but current is (.*?)$/;

/** How many times one queue is declared for comparison before its further differences are omitted. */
const MOST_DIFFERENCES = 8;

/** Whether the error names the argument that differs. LavinMQ only reports that one does. */
export function namesArgument(problem: string): boolean {
  return NAMED.test(problem);
}

/**
 * RabbitMQ names one difference at a time: a declaration with the existing value gets the next one.
 * @param ask declares the queue with these arguments, and returns the broker's objection
 * @returns the objection to each argument that differs, each argument once
 */
export async function argumentDifferences(
  wanted: Arguments,
  ask: (args: Arguments) => Promise<string | undefined>,
): Promise<readonly string[]> {
  const found: string[] = [];
  const told = new Set<string>();
  let args = wanted;
  while (told.size < MOST_DIFFERENCES) {
    const problem = await ask(args);
    const [, about] = /arg '([^']+)'/.exec(problem ?? '') ?? [];
    // If the broker rejects its own value, it would name the same argument without end.
    if (problem === undefined || (about !== undefined && told.has(about))) break;
    found.push(problem);
    const [, name, , current] = NAMED.exec(problem) ?? [];
    if (name === undefined || current === undefined || !name.startsWith('x-') || name === 'x-queue-type') break;
    told.add(name);
    args = withCurrent(args, name, current);
  }
  return found;
}

function withCurrent(args: Arguments, name: string, current: string): Arguments {
  const { [name]: own, ...rest } = args;
  const value = /'([^']*)'/.exec(current)?.[1];
  if (value === undefined) return rest; // the queue has no value for it
  return { ...rest, [name]: asDeclared(own, value) };
}

/**
 * The value as a client has to declare it. RabbitMQ 4.3 compares durations such as 30D in milliseconds, and reports
 * them so, but accepts only text with a unit.
 */
function asDeclared(own: string | number | undefined, value: string): string | number {
  const digits = /^\d+$/.test(value);
  if (digits && typeof own === 'string' && /^\d+[YMDhms]$/.test(own)) return `${Math.round(Number(value) / 1_000)}s`;
  return typeof own === 'number' || digits ? Number(value) : value;
}
