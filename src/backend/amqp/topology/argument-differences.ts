import type { Arguments } from './topology.ts';

/** How RabbitMQ names a difference. */
const NAMED = /arg '([^']+)'.*received (.*) but current is (.*?)$/;

/** How often one queue is asked about before its further differences are left unsaid. */
const MOST_DIFFERENCES = 8;

/** Whether the broker has said which argument differs. LavinMQ says only that something does. */
export function namesArgument(problem: string): boolean {
  return NAMED.test(problem);
}

/**
 * RabbitMQ names one difference at a time: once it is told the value that it has, it names the next one.
 * @param ask declares the queue with these arguments, and returns what the broker has against them
 * @returns what it says of each argument that differs, each argument once
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
    // The broker does not take its own value from us: then it names the same argument for ever.
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
  if (value === undefined) return rest; // it has none
  return { ...rest, [name]: asDeclared(own, value) };
}

/**
 * The value as a client has to declare it. RabbitMQ 4.3 compares spans such as 30D in milliseconds, and names them so,
 * but takes only text with a unit.
 */
function asDeclared(own: string | number | undefined, value: string): string | number {
  const digits = /^\d+$/.test(value);
  if (digits && typeof own === 'string' && /^\d+[YMDhms]$/.test(own)) return `${Math.round(Number(value) / 1_000)}s`;
  return typeof own === 'number' || digits ? Number(value) : value;
}
