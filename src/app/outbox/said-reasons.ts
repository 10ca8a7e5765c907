import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from '../workspace/workspace.ts';

const fileOf = ({ dir }: Workspace) => join(dir, 'outbox-said.json');

/**
 * The reasons for waiting entries of the outbox that a process of this workspace has said, by file name. So a reason is
 * not said again by every command. Empty if the file is missing or damaged: a reason is then said again.
 */
export function saidReasons(workspace: Workspace): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(fileOf(workspace), 'utf8')) as object));
  } catch {
    return new Map();
  }
}

/** Keeps the reasons for later processes. If it cannot be written, they say the reasons again. */
export function keepSaidReasons(workspace: Workspace, reasons: ReadonlyMap<string, string>): void {
  try {
    if (reasons.size === 0) rmSync(fileOf(workspace), { force: true });
    else writeFileSync(fileOf(workspace), JSON.stringify(Object.fromEntries(reasons)), { mode: workspace.modes.file });
  } catch {
    // For example a full disk.
  }
}
