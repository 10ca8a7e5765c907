/** How long after a SIGKILL to wait for the end, in ms. */
const UNBURIED = 1_000;

/** The intervals of the checks for the end, in ms. They are short at first, because most processes end at once. */
const FIRST_LOOK = 20;
const SLOWEST_LOOK = 200;

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
  for (let pause = FIRST_LOOK; ; pause = Math.min(pause * 1.5, SLOWEST_LOOK)) {
    const left = deadline - performance.now();
    if (!signal(left > 0 ? 0 : 'SIGKILL')) return true;
    if (left < -UNBURIED) return false;
    await new Promise((resolve) => setTimeout(resolve, left > 0 ? Math.min(pause, left) : FIRST_LOOK));
  }
}
