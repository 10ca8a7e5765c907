import type { System } from './system.ts';

/** Runs something that waits, and tells it when somebody asks this process to end. */
export async function untilSignal<T>(system: System, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const release = system.onSignal(() => controller.abort());
  return run(controller.signal).finally(release);
}
