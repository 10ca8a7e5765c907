/** How long after a SIGKILL to wait for the end, in ms. A process may remain until its parent reaps it. */
const REAP_LIMIT = 1_000;

/** The intervals of the checks for the end, in ms. They are short at first, because most processes end at once. */
const FIRST_INTERVAL = 20;
const MAX_INTERVAL = 200;

/** Processes that can be signalled together. */
export interface Signallable {
  /** Signal 0 only tests. @returns whether there was any process to signal */
  signal(signal: NodeJS.Signals | 0): boolean;
}

/**
 * Sends SIGTERM to all of them, and SIGKILL to the remaining ones after `grace` ms. Resolves when they are gone, or
 * soon after the SIGKILL: a process that is not reaped, as in a container without an init, still counts as running.
 * @returns whether they are gone
 */
export async function terminate(processes: readonly Signallable[], grace: number): Promise<boolean> {
  const signal = (which: NodeJS.Signals | 0) => processes.map((one) => one.signal(which)).includes(true);
  if (!signal('SIGTERM')) return true;
  const deadline = performance.now() + grace;
  for (let pause = FIRST_INTERVAL; ; pause = Math.min(pause * 1.5, MAX_INTERVAL)) {
    const left = deadline - performance.now();
    if (!signal(left > 0 ? 0 : 'SIGKILL')) return true;
    if (left < -REAP_LIMIT) return false;
    await new Promise((resolve) => setTimeout(resolve, left > 0 ? Math.min(pause, left) : FIRST_INTERVAL));
  }
}
