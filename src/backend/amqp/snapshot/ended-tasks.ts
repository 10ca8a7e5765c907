/**
 * A condition for the rows of `cache.tasks` that go into a chunk: tasks that have ended, and that no fold will read
 * unless an entry repeats their end. A dead letter can be retried at any time; an end whose messages were not sent will
 * be announced; a task that is known by hearsay may turn out not to exist.
 */
export const MOVABLE = `
  (status IN ('completed', 'cancelled') OR (status IN ('failed', 'expired') AND dead = 0)) AND state <> 'null'
  AND NOT EXISTS (SELECT 1 FROM cache.ending WHERE task = n AND announced = 0)
  AND NOT EXISTS (SELECT 1 FROM cache.hearsay WHERE hearsay.id = tasks.id)`;
