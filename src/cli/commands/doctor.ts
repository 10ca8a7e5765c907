import * as z from 'zod/mini';
import type { Diagnosis } from '../../app/diagnosis.ts';
import { diagnose } from '../../app/doctor.ts';
import { AgentqError } from '../../core/errors.ts';
import { parseFlags } from '../flags.ts';
import type { Define } from '../main.ts';
import type { Output } from '../schemas.ts';
import { visible } from '../visible.ts';

const Flags = z.object({ repair: z.optional(z.boolean()) });

export const define: Define = (command, context) =>
  command.option('--repair', 'repair what can be repaired without losing anything').action(async (options) => {
    const { repair = false } = parseFlags(Flags, options);
    const cli = context();
    const findings = await diagnose(await cli.services(), repair);
    const left = findings.filter(({ severity, repaired }) => severity === 'problem' && !repaired);
    if (cli.io.json) cli.io.data({ healthy: left.length === 0, findings: [...findings] } satisfies Output<'doctor'>);
    else {
      const style = await cli.io.style();
      const mark = ({ severity, repaired }: Diagnosis) =>
        repaired ? style.green('repaired') : severity === 'advice' ? style.yellow('advice  ') : style.red('problem ');
      for (const one of findings) cli.io.line(`${mark(one)}  ${visible(one.subject)}: ${visible(one.problem)}`);
      if (left.length === 0) cli.io.line(style.green('healthy'));
    }
    if (left.length > 0) {
      throw new AgentqError(
        'unhealthy',
        `${left.length} problems found`,
        repair ? 'these need a person' : 'agentq doctor --repair',
      );
    }
  });
