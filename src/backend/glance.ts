/** The tasks that a command may be about. */
export type GlanceScope = 'any' | 'open' | 'dead';

/**
 * What this machine already knows of a queue, for suggestions while a person types: perhaps outdated, and incomplete. It
 * writes nothing, waits for no lock, and makes no connection. Errors are raw: callers suggest nothing then.
 */
export interface Glance {
  /** Tasks whose id begins with the prefix, newer ones first as far as that is cheap. */
  tasks(prefix: string, scope: GlanceScope, limit: number): readonly GlanceTask[];
  /** Roles whose name begins with the prefix. */
  roles(prefix: string, limit: number): readonly string[];
  close(): void;
}

export interface GlanceTask {
  readonly id: string;
  readonly status: string;
  readonly role: string;
}
