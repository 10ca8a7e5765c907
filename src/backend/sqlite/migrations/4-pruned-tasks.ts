/** Tasks can be pruned: their ids stay known, and their evidence is noted until it is removed. */
export const prunedTasks = `
  CREATE TABLE pruned (
    hash        TEXT PRIMARY KEY,
    status      TEXT NOT NULL,
    pruned_at   INTEGER NOT NULL,
    known_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pruned_until ON pruned (known_until);
  CREATE TABLE pruned_evidence (
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
