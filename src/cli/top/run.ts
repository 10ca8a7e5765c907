import type { ReadStream, WriteStream } from 'node:tty';
import type { Services } from '../../app/workspace/services.ts';
import { isPlain, measureFor } from '../output/layout/display-width.ts';
import { type Io, plainStyle } from '../output/io.ts';
import { type Authors, Controller } from './controller.ts';
import { listenToKeys } from './keyboard.ts';
import { Screen } from './screen.ts';

export interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

/** Takes over the terminal until the user quits or the signal aborts, and then restores it. */
export async function runTop(
  services: Services,
  io: Io,
  authors: Authors,
  { input, output }: Terminal,
  signal: AbortSignal,
): Promise<void> {
  // A text with a wide character gives the measure that is exact for all texts.
  const exact = await measureFor(['\u3042']);
  const measure = (text: string) => (isPlain(text) ? text.length : exact(text));
  const colours = (await io.style()) !== plainStyle;
  const screen = new Screen(output, measure, colours);
  let release = () => {};
  const enter = () => {
    screen.enter();
    release = listenToKeys(input, (key) => controller.send({ type: 'key', key }));
  };
  const leave = () => {
    release();
    screen.leave();
  };
  const resized = () => {
    screen.resized();
    controller.send({ type: 'resized', size: screen.size });
  };
  const suspend = () => {
    leave();
    process.once('SIGCONT', () => {
      enter();
      resized();
    });
    // The whole process group: npx or a script may have started this process.
    process.kill(0, 'SIGTSTP');
  };
  const controller = new Controller(
    services,
    { size: screen.size, draw: (lines) => screen.draw(lines), suspend },
    measure,
    authors,
  );
  output.on('resize', resized);
  // What the connection to a broker says: it is shown until the queue is read again.
  io.divert((text) => controller.send({ type: 'unreadable', problem: text.replace(/^agentq: /, '') }));
  enter();
  try {
    await controller.run(signal);
  } finally {
    leave();
    io.divert(undefined);
    output.off('resize', resized);
  }
}
