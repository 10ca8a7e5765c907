import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FsStore } from '../../src/artifacts/fs/fs-store.ts';
import type { ArtifactStore } from '../../src/artifacts/store.ts';
import { scratchFolder } from '../backend/support/scratch.ts';
import { FarStore } from './far/far-store.ts';
import { ObjectServer } from './far/object-server.ts';

/** One store, and a way to change its files directly. */
export interface StoreHarness {
  /** Opens the store on another machine. @param id the id that the workspace of the machine expects */
  open(id?: string): ArtifactStore;
  /** Changes the file at a path in the store itself; removes it if there is no content. */
  damage(path: string, content?: string): void;
}

/** A store in a local folder. Every machine sees the same folder. */
export function localHarness(): StoreHarness {
  const root = join(scratchFolder(), 'store');
  return {
    open: (id) => new FsStore(root, 0o600, 0o700, id),
    damage: (path, content) =>
      content === undefined ? rmSync(join(root, path)) : writeFileSync(join(root, path), content),
  };
}

export interface FarHarness extends StoreHarness {
  readonly server: ObjectServer;
  /** Overwrites every file in the caches of all machines. */
  damageCaches(): void;
}

/** A store that is reached by HTTP. Every machine has its own staging folder and its own cache. */
export async function farHarness(): Promise<FarHarness> {
  const server = await ObjectServer.start();
  onTestFinished(() => server.stop());
  const locals: string[] = [];
  return {
    server,
    open: (id) => {
      const local = scratchFolder();
      locals.push(local);
      return new FarStore(server.url, local, id);
    },
    damage: (path, content) =>
      content === undefined ? server.files.delete(path) : server.files.set(path, Buffer.from(content)),
    damageCaches() {
      for (const cache of locals.map((local) => join(local, 'cache')))
        for (const name of readdirSync(cache)) writeFileSync(join(cache, name), 'damaged');
    },
  };
}
