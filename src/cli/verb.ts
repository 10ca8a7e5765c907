import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Adds a verb's arguments, options and action. Loaded when the verb is called, with all that it imports. */
export type Define = (command: Command, context: () => Context) => void;

export type Verb = readonly [name: string, summary: string, load: () => Promise<{ define: Define }>];

/** The hidden command that the completion scripts of the shells call. */
export const COMPLETE = '__complete';
