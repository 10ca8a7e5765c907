import * as z from 'zod/mini';
import { AgentqError } from '../../core/errors.ts';
import type { Define } from '../verb.ts';
import { inputs } from '../input/schemas.ts';
import { outputs } from '../output/schemas.ts';

export const define: Define = (command, context) =>
  command
    .argument('[command...]', 'a command: status, status ID, dlq show, submit --batch; or an input: submit --batch row')
    .allowUnknownOption()
    .action((words: string[]) => {
      const cli = context();
      const schemas = { ...outputs, ...inputs };
      const names = Object.keys(schemas);
      if (words.length === 0) return cli.io.json ? cli.io.data(names) : cli.io.line(names.join('\n'));
      const name = words.join(' ');
      const schema = schemas[name as keyof typeof schemas];
      if (!names.includes(name))
        throw new AgentqError('usage', `there is no schema ${JSON.stringify(name)}`, 'agentq schema lists them');
      cli.io.line(JSON.stringify(jsonSchema(schema), null, cli.io.json ? 0 : 2));
    });

/** Objects allow further fields, because any version may add some: docs/json.md. */
function jsonSchema(schema: z.ZodMiniType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, {
    override({ jsonSchema: part }) {
      if (part.additionalProperties === false) delete part.additionalProperties;
    },
  });
}
