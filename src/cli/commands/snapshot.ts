import { AgentqError } from '../../core/errors.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';

export const define: Define = (command, context) =>
  command.action(async () => {
    const cli = context();
    const { backend } = await cli.services();
    if (!backend.snapshot)
      throw new AgentqError('usage', 'a snapshot is for a queue on a broker: here no machine has to read the log');
    if (!(await backend.snapshot()))
      throw new AgentqError(
        'denied',
        'this user of the broker may not write snapshots',
        'use the one of a coordinator',
      );
    if (!cli.io.json) cli.io.talk('snapshot written');
    else cli.io.data({ written: true } satisfies Output<'snapshot'>);
  });
