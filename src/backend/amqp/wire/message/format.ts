import type { Author } from '../author.ts';

/**
 * The version of the log's format that this program writes, and the highest one that it reads. It is raised together
 * with every change that an older program would misread, such as a new type of event.
 */
export const FORMAT = 2;

/**
 * The version that an entry states. An older program stops at an entry of a newer version only if its author may change
 * the format: a coordinator. It would pass over a newer entry of a worker. So workers state the first version, whose
 * content all programs read, and the log is of a newer version from the first entry of a coordinator on that states it:
 * every submit does.
 */
export const formatOf = (author: Author): 1 | typeof FORMAT => (author === 'coordinator' ? FORMAT : 1);
