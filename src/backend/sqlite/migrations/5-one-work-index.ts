/**
 * The index of the ready tasks and that of the open ones are now one index. So a submit, a claim and a completion each
 * change one page less.
 */
export const oneWorkIndex = `
  DROP INDEX task_ready;
  DROP INDEX task_open;
  CREATE INDEX task_open ON tasks (status, role, rank DESC, n, ready_at, due_at) WHERE status <> 'completed';
`;
