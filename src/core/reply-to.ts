/** The queue to which an agent's result messages go, unless the envelope names another. */
export function resultsQueue(agent: string): string {
  return `results.${agent}`;
}
