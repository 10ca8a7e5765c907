import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine, Site } from './site.ts';

/** The workspace that `agentq init` created for the first site of this test file, and the folder of that site. */
interface Made {
  readonly folder: string;
  readonly site: string;
}

let made: Made | undefined;

/** Sites of the next test file may be on another broker. */
export function forgetMachines(): void {
  if (made) rmSync(made.folder, { recursive: true, force: true });
  made = undefined;
}

/**
 * Machines of a site whose topology already exists on the broker. `init` creates the first one of a test file; the
 * others are copies of it. `init` compares every queue with the broker, so it takes longer than other commands.
 */
export async function preparedMachines(site: Site, names: readonly string[]): Promise<readonly Machine[]> {
  made ??= await make(site);
  cpSync(join(made.folder, 'store'), site.store, { recursive: true });
  return names.map((name) => copy(made!, site, name));
}

/** Another machine of the site, with the same workspace. */
export function copyOf(machine: Machine, name: string): Machine {
  const copied = machine.site.bare(name);
  cpSync(machine.path('.agentq'), copied.path('.agentq'), { recursive: true });
  return copied;
}

async function make(site: Site): Promise<Made> {
  const first = await site.machine('first');
  const folder = mkdtempSync(join(tmpdir(), 'agentq-prepared-'));
  cpSync(first.path('.agentq'), join(folder, 'workspace'), { recursive: true });
  cpSync(site.store, join(folder, 'store'), { recursive: true });
  return { folder, site: site.folder };
}

function copy({ folder, site: from }: Made, site: Site, name: string): Machine {
  const machine = site.bare(name);
  cpSync(join(folder, 'workspace'), machine.path('.agentq'), { recursive: true });
  for (const file of ['config.json', 'store.json']) {
    const path = machine.path('.agentq', file);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, site.folder));
  }
  return machine;
}
