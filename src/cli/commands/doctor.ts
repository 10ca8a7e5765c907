import * as z from 'zod/mini';
import type { Diagnosis } from '../../app/doctor/diagnosis.ts';
import { diagnose } from '../../app/doctor/doctor.ts';
import type { Backend } from '../../backend/backend.ts';
import { AgentqError } from '../../core/errors.ts';
import { parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import type { Io } from '../output/io.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  repair: z.optional(z.boolean()),
  skip: z.optional(z.string().check(z.regex(/^\d{1,15}$/, { error: 'is no place in the log, such as 4711' }))),
});

export const define: Define = (command, context) =>
  command
    .option('--repair', 'repair all damage that can be repaired without loss')
    .option('--skip <offset>', 'pass over the log entry that stops all readers')
    .action(async (options) => {
      const { repair = false, skip } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      if (skip !== undefined) await passOver(services.backend, Number(skip));
      const findings = await diagnose(services, repair);
      const left = findings.filter(({ severity, repaired }) => severity === 'problem' && !repaired);
      if (cli.io.json)
        cli.io.data({
          healthy: left.length === 0,
          findings: findings.map((one) => findingView(cli.io, one)),
        } satisfies Output<'doctor'>);
      else {
        const style = await cli.io.style();
        const mark = ({ severity, repaired }: Diagnosis) =>
          repaired ? style.green('repaired') : severity === 'advice' ? style.yellow('advice  ') : style.red('problem ');
        for (const one of findings)
          cli.io.prose(`${mark(one)}  ${visible(one.subject)}: ${visible(cli.io.runnable(one.problem))}`, 10);
        if (left.length === 0) cli.io.line(style.green('healthy'));
      }
      if (left.length > 0) {
        throw new AgentqError(
          'unhealthy',
          `problems found: ${left.length}`,
          !repair && left.some(({ repairable }) => repairable) ? 'agentq doctor --repair' : 'these need a person',
        );
      }
    });

function findingView(
  io: Io,
  { subject, problem, severity, repaired }: Diagnosis,
): Output<'doctor'>['findings'][number] {
  return { subject, problem: io.runnable(problem), severity, repaired };
}

async function passOver(backend: Backend, offset: number): Promise<void> {
  if (!backend.skip)
    throw new AgentqError('usage', '--skip is for a queue on a broker: here agentq alone writes the log');
  await backend.skip(offset);
}
