import type { System } from './system.ts';

/** Runs an operation that waits, and aborts it when this process gets a signal to end. */
export async function untilSignal<T>(system: System, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const release = system.onSignal(() => controller.abort());
  return run(controller.signal).finally(release);
}
