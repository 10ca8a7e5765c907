import { counted } from '../../../core/counted.ts';
import type { Io } from '../io.ts';

/** What `init` would declare on a broker. */
export interface PlannedTopology {
  readonly exchanges: readonly { readonly name: string; readonly type: string }[];
  readonly queues: readonly { readonly name: string; readonly what: string; readonly arguments: object }[];
  readonly bindings: readonly { readonly source: string; readonly destination: string; readonly key: string }[];
}

/**
 * Prints it for people.
 * @param verbose whether each part is one line, with its arguments; otherwise numbered parts are one line, and bindings
 *   are only counted
 */
export function printTopology(io: Io, { exchanges, queues, bindings }: PlannedTopology, verbose: boolean): void {
  if (verbose) {
    for (const { name, type } of exchanges) io.line(`exchange  ${name}  ${type}`);
    for (const { name, what, arguments: args } of queues)
      io.line(`queue     ${name}  ${what}  ${JSON.stringify(args)}`);
    for (const { source, destination, key } of bindings) io.line(`binding   ${source} → ${destination}  ${key}`);
    return;
  }
  const typeOf = (args: object) => ('x-queue-type' in args ? `${String(args['x-queue-type'])}, ` : '');
  const lines = [
    ...exchanges.map(({ name, type }) => ({ kind: 'exchange', name, type, what: '' })),
    ...queues.map(({ name, what, arguments: args }) => ({ kind: 'queue', name, type: typeOf(args), what })),
  ];
  for (const [first, ...others] of rowsOf(lines)) {
    const last = others.at(-1);
    const name = last ? `${first!.name} to ${last.name} (${others.length + 1})` : first!.name;
    const what = last && last.what !== first!.what ? `${first!.what} to ${last.what}` : first!.what;
    io.prose(`${first!.kind.padEnd(9)} ${name}  ${first!.type}${what}`, 10);
  }
  const parts = [
    counted(exchanges.length, 'exchange'),
    counted(queues.length, 'queue'),
    counted(bindings.length, 'binding'),
  ];
  io.line(`${parts.join(', ')}: --verbose lists each`);
}

interface Part {
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly what: string;
}

/** Groups parts that follow each other and differ only in the number at the end of their names. */
function rowsOf(parts: readonly Part[]): Part[][] {
  const stem = ({ kind, name }: Part) => `${kind} ${name.replace(/\d+$/, '#')}`;
  const rows: Part[][] = [];
  for (const part of parts) {
    const row = rows.at(-1);
    if (row && /\d$/.test(part.name) && stem(row[0]!) === stem(part)) row.push(part);
    else rows.push([part]);
  }
  return rows;
}
