/** The queue for the result messages of an agent, unless the envelope names another. */
export function resultsQueue(agent: string): string {
  return `results.${agent}`;
}
