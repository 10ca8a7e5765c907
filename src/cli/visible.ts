/**
 * Characters that a terminal obeys instead of showing, or that reorder what is shown: C0 and C1 controls, DEL,
 * line separators and the bidirectional overrides.
 */
const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function picture(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** One line of text from a task, so that it can't write to anyone's terminal. */
export function visible(text: string): string {
  return text.replace(hidden, picture);
}

/** The same for a text of several lines: line ends and tabs stay. */
export function visibleText(text: string): string {
  return text.replace(hidden, (char) => (char === '\n' || char === '\t' ? char : picture(char)));
}

/** JSON escapes the C0 controls by itself; this escapes the rest, and means the same. */
export function visibleJson(json: string): string {
  return json.replace(hidden, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
