import { sha256Hex } from './sha256.ts';

/**
 * The task id that stands for an idempotency key, the same on every machine: so a second submit with the same
 * key meets the first one under its id, and no backend needs an index of keys.
 */
export function taskIdOfKey(key: string): string {
  return `key-${sha256Hex(key).slice(0, 16)}`;
}
