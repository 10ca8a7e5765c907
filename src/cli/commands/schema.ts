import * as z from 'zod/mini';
import { AgentqError } from '../../core/errors.ts';
import type { Define } from '../verb.ts';
import { inputs } from '../input/schemas.ts';
import { outputs } from '../output/schemas/outputs.ts';

export const define: Define = (command, context) =>
  command
    .argument('[command...]', 'an output: status, status ID, dlq show; or an input: submit --batch row, config')
    .allowUnknownOption()
    .action((words: string[]) => {
      const cli = context();
      const names = [...Object.keys(outputs), ...Object.keys(inputs)];
      if (words.length === 0) return cli.io.json ? cli.io.data(names) : cli.io.line(names.join('\n'));
      const name = words.join(' ');
      if (!names.includes(name))
        throw new AgentqError('usage', `there is no schema ${JSON.stringify(name)}`, 'agentq schema lists them');
      const schema = Object.hasOwn(inputs, name)
        ? z.toJSONSchema(inputs[name as keyof typeof inputs], { io: 'input' })
        : outputSchema(outputs[name as keyof typeof outputs]);
      cli.io.line(JSON.stringify(schema, null, cli.io.json ? 0 : 2));
    });

/** Objects allow further fields, because any version may add some: docs/json.md. */
function outputSchema(schema: z.ZodMiniType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, {
    override({ jsonSchema: part }) {
      if (part.additionalProperties === false) delete part.additionalProperties;
    },
  });
}
