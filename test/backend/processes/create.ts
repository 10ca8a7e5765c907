import { createBackend, openBackend } from '../../../src/backend/open.ts';
import { ROLE, submit } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/** Creates a store in a folder with the given modes and umask (octal), begins a watch and submits a task. */
const [dir, id, fileMode, folderMode, umask] = process.argv.slice(2) as [string, string, string, string, string];
process.umask(Number.parseInt(umask, 8));
const modes = { fileMode: Number.parseInt(fileMode, 8), folderMode: Number.parseInt(folderMode, 8) };
await createBackend(storeOptions(dir, modes));
const backend = await openBackend(storeOptions(dir, modes));
backend.watch({ role: ROLE });
await backend.commit([submit(id)]);
process.exit(0);
