import { newTableNames } from './2-new-table-names.ts';
import { fewerPages } from './3-fewer-pages.ts';
import { prunedTasks } from './4-pruned-tasks.ts';
import { oneWorkIndex } from './5-one-work-index.ts';
import { refusals } from './6-refusals.ts';
import { listFilters } from './7-list-filters.ts';
import { roles } from './8-roles.ts';
import { things } from './9-things.ts';

/** The step to version 2, to version 3, and so on. A released step is never changed. */
export const migrations: readonly string[] = [
  newTableNames,
  fewerPages,
  prunedTasks,
  oneWorkIndex,
  refusals,
  listFilters,
  roles,
  things,
];
