import { AgentqError } from '../../core/errors.ts';
import type { Services } from '../workspace/services.ts';

/**
 * Refuses a role that the config does not name, if the config allows no other roles.
 * @throws AgentqError `usage`; its hint names the nearest role
 */
export async function refuseUnnamedRole({ workspace }: Pick<Services, 'workspace'>, role: string): Promise<void> {
  const { roles_only, roles = {} } = workspace.config;
  if (!roles_only || Object.hasOwn(roles, role)) return;
  const { nearestRole } = await import('./near-roles.ts');
  const near = nearestRole(role, Object.keys(roles));
  throw new AgentqError(
    'usage',
    `${role} is not a role of config.json, and roles_only allows no other`,
    near === undefined ? 'add it to roles: docs/config.md' : `did you mean ${near}?`,
  );
}

/**
 * For a role that may be misspelt: nobody was ever sent a task under this name, the config does not name it, and
 * another known role has a similar name.
 * @returns the other role; undefined if the role is known or no other is near
 */
export async function likelyRole({ backend, workspace }: Services, role: string): Promise<string | undefined> {
  const { roles = {} } = workspace.config;
  if (Object.hasOwn(roles, role) || (await backend.knowsRole(role))) return undefined;
  const { nearestRole } = await import('./near-roles.ts');
  return nearestRole(role, [...Object.keys(roles), ...(await backend.knownRoles())]);
}
