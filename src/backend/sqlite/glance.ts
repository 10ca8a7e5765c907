import type { Glance } from '../glance.ts';
import { glanceAt } from '../projection/glance-at.ts';
import { databaseIn } from './create.ts';

/** @param dir the folder of the workspace */
export const glanceAtStore = (dir: string): Glance | undefined => glanceAt(databaseIn(dir));
