import * as z from 'zod/mini';
import { initWorkspace } from '../../app/workspace.ts';
import { parseFlags } from '../flags.ts';
import type { Define } from '../main.ts';
import type { Output } from '../schemas.ts';
import { visible } from '../visible.ts';

const Flags = z.object({ store: z.optional(z.string()), shared: z.optional(z.boolean()) });

export const define: Define = (command, context) =>
  command
    .option('--store <path>', 'where tasks/, results/ and artifacts/ lie (default: in the workspace)')
    .option('--shared', 'let the group read and write, not the owner alone')
    .action(async (options) => {
      const flags = parseFlags(Flags, options);
      const cli = context();
      const workspace = initWorkspace(cli.namedDir, cli.system.cwd, flags);
      const { created } = await cli.createBackend(workspace);
      const { dir, storeDir: store } = workspace;
      if (cli.io.json) cli.io.data({ dir, store, created } satisfies Output<'init'>);
      else cli.io.line(visible(`${created ? 'made' : 'found'} the workspace ${dir}`));
    });
