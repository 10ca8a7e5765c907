/** The names of all roles, so that a misspelt one is found by one look-up. */
export const roles = `
  CREATE TABLE roles (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  INSERT INTO roles (name) SELECT DISTINCT role FROM tasks;
`;
