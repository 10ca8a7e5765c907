import { emitKeypressEvents, type Interface } from 'node:readline';
import type { ReadStream } from 'node:tty';

/** How long a lone escape may be the beginning of the code of another key, in ms. */
const ESCAPE = 50;

/** The name of a key that Node.js describes. */
interface Keypress {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

const named = /^(up|down|left|right|pageup|pagedown|home|end|return|escape|backspace)$/;

/**
 * Calls back at each key: with the character, or with a name such as `up` or `ctrl-c`.
 * @returns a function that stops listening and restores the mode of the terminal
 */
export function listenToKeys(input: ReadStream, listener: (key: string) => void): () => void {
  emitKeypressEvents(input, { escapeCodeTimeout: ESCAPE } as unknown as Interface);
  const handler = (text: string | undefined, { name, ctrl }: Keypress) => {
    const key = keyOf(text, name, ctrl);
    if (key !== undefined) listener(key);
  };
  input.setRawMode(true);
  input.on('keypress', handler);
  input.resume();
  return () => {
    input.off('keypress', handler);
    input.pause();
    input.setRawMode(false);
  };
}

function keyOf(text: string | undefined, name: string | undefined, ctrl = false): string | undefined {
  if (ctrl) return name === undefined ? undefined : `ctrl-${name}`;
  if (name === 'enter') return 'return';
  if (name !== undefined && named.test(name)) return name;
  return text !== undefined && /^[^\u0000-\u001f\u007f]$/u.test(text) ? text : undefined;
}
