import type { Glance } from '../glance.ts';
import { glanceAt } from '../projection/glance-at.ts';
import { newestCache } from './cache/newest-cache.ts';

/** @param dir the folder of the workspace */
export function glanceAtCache(dir: string, url: string): Glance | undefined {
  const cache = newestCache(dir, url);
  return cache === undefined ? undefined : glanceAt(cache);
}
