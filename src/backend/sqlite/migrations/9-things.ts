/** Tables for things of other kinds than tasks: notes, the policy, what was spent. */
export const things = `
  CREATE TABLE IF NOT EXISTS things (
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS thing_events (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id, seq)
  ) STRICT, WITHOUT ROWID;
`;
