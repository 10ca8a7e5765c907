import { sha256Hex } from '../sha256.ts';

/**
 * The task id for an idempotency key. It is the same on every machine. So a second submit with the same key finds the
 * first task by its id, and no backend needs an index of keys.
 */
export function taskIdOfKey(key: string): string {
  return `key-${sha256Hex(key).slice(0, 16)}`;
}
