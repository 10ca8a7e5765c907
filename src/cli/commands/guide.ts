import { Argument } from 'commander';
import { guides } from '../output/report/guides.ts';
import type { Output } from '../output/schemas/outputs.ts';
import type { Define } from '../verb.ts';

const readers = Object.keys(guides) as (keyof typeof guides)[];

export const define: Define = (command, context) =>
  command
    .addArgument(new Argument('<for>', 'what kind of agent reads it').choices(readers))
    .action((reader: keyof typeof guides) => {
      const { io } = context();
      const text = guides[reader];
      if (io.json) io.data({ for: reader, text } satisfies Output<'guide'>);
      else io.prose(text.trimEnd(), 4);
    });
