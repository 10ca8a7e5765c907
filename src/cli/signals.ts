import type { System } from './system.ts';

/** A signal that aborts when somebody asks this process to end. */
export function endOnSignal(system: System): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const release = system.onSignal(() => controller.abort());
  return { signal: controller.signal, release };
}
