/**
 * A refused change no longer moves `updated_at`. The tasks that have one get the time of their last other event, as
 * their log folds now. Damaged JSON stays as it is: `doctor` reports it.
 */
export const refusals = `
  UPDATE tasks SET state = json_set(state, '$.updated_at', coalesce((
    SELECT json_extract(body, '$.at') FROM events
    WHERE task = tasks.n AND CASE WHEN json_valid(body) THEN json_extract(body, '$.type') <> 'refused' END
    ORDER BY seq DESC LIMIT 1
  ), json_extract(state, '$.updated_at')))
  WHERE CASE WHEN json_valid(state) THEN json_extract(state, '$.refused') > 0 END;
`;
