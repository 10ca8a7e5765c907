import { likelyRole } from '../app/names/role-check.ts';
import type { Services } from '../app/workspace/services.ts';
import { AgentqError } from '../core/errors.ts';
import type { Io } from './output/io.ts';

/** How many roles of one command are named. */
const NAMED = 5;

/**
 * Prints one line for each role that seems to be misspelt. It prints nothing if the queue cannot be asked.
 * @returns the number of lines
 */
export async function hintAtRoles(io: Io, services: Services, roles: Iterable<string>): Promise<number> {
  let named = 0;
  for (const role of new Set(roles)) {
    const meant = await likelyRole(services, role).catch(() => undefined);
    if (meant === undefined) continue;
    io.talk(`${role}: nobody works for it; did you mean ${meant}?`);
    if (++named === NAMED) break;
  }
  return named;
}

/**
 * Carries out a command for roles, and prints a line for each role that seems to be misspelt. If the queue refuses
 * unknown roles, it is asked only after such a refusal.
 */
export async function withRoleHint<T>(
  io: Io,
  services: Services,
  roles: Iterable<string>,
  act: () => Promise<T>,
): Promise<T> {
  if (!services.backend.refusesUnknownRoles) {
    await hintAtRoles(io, services, roles);
    return act();
  }
  try {
    return await act();
  } catch (error) {
    if (error instanceof AgentqError && error.code === 'topology') await hintAtRoles(io, services, roles);
    throw error;
  }
}
