import { AgentqError } from '../../core/errors.ts';

/** A row of a batch with all its problems. */
export interface BadRow {
  /** Counted from 1, as editors do. */
  readonly line: number;
  readonly problems: readonly string[];
}

/** A problem of one or more rows, or several problems of the same rows. */
export interface RowProblem {
  readonly line: number;
  readonly problem: string;
  /** The number of rows that have this problem; `line` is the first of them. */
  readonly rows: number;
}

/** How many problems are listed: a wrong file may hold hundreds of thousands. */
const LISTED = 20;

/** A batch with invalid rows. No row was submitted. */
export class BadBatch extends AgentqError {
  /** The first problems. Rows with the same problem are one entry. */
  readonly problems: readonly RowProblem[];

  constructor(rows: readonly BadRow[], total: number) {
    const groups = groupsOf(rows);
    const listed = new Set(groups.slice(0, LISTED).flatMap(({ lines }) => lines));
    const more = rows.length - listed.size;
    super(
      'bad-batch',
      `invalid rows: ${rows.length} of ${total}${more > 0 ? `, ${more} of them not listed` : ''}; nothing was submitted`,
      'correct these rows and submit the file again; agentq schema submit --batch row prints the fields',
    );
    this.problems = groups
      .slice(0, LISTED)
      .map(({ lines, problems }) => ({ line: lines[0]!, problem: problems.join('; '), rows: lines.length }));
  }
}

interface Group {
  readonly lines: readonly number[];
  readonly problems: readonly string[];
}

/** Equal problems of different rows are one group. Groups of exactly the same rows are one group. */
function groupsOf(rows: readonly BadRow[]): Group[] {
  const linesOf = new Map<string, number[]>();
  for (const { line, problems } of rows) {
    for (const problem of new Set(problems)) {
      const lines = linesOf.get(problem);
      if (lines) lines.push(line);
      else linesOf.set(problem, [line]);
    }
  }
  const together = Map.groupBy(linesOf, ([, lines]) => lines.join());
  return [...together.values()].map((group) => ({
    lines: group[0]![1],
    problems: group.map(([problem]) => problem),
  }));
}
