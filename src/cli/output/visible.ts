/**
 * Characters that control a terminal, that change the order of the text, or that are invisible and so can hide text
 * from people: C0 and C1 controls, DEL, line separators, bidirectional overrides, and all characters that Unicode
 * declares ignorable (zero-width characters, tags, variation selectors, fillers). They are written as ranges of UTF-16,
 * because the properties of the `u` flag cost every command 0.2 ms.
 */
const hidden =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|\u034f|[\ufe00-\ufe0f]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|[\udb40-\udb43][\udc00-\udfff]/g;

const ZERO_WIDTH_JOINER = '\u200d';

/** Whether an ignorable character at this position only shapes the emoji around it. */
function shapesEmoji(char: string, text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 3), at);
  if (char === '\ufe0e' || char === '\ufe0f') return /\p{Extended_Pictographic}$/u.test(before);
  if (char !== ZERO_WIDTH_JOINER) return false;
  const joined = /(?:\p{Extended_Pictographic}\ufe0f?|\p{Emoji_Modifier})$/u.test(before);
  return joined && /^\p{Extended_Pictographic}/u.test(text.slice(at + 1, at + 3));
}

function picture(char: string, at: number, text: string): string {
  const code = char.codePointAt(0)!;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  if (shapesEmoji(char, text, at)) return char;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : escaped(char);
}

/** Escaped as in JSON and JavaScript. */
function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** One line of text from a task, escaped so that it cannot control a terminal or hide text. */
export function visible(text: string): string {
  return text.replace(hidden, picture);
}

/** The same for a text of several lines: line breaks and tabs are kept. */
export function visibleText(text: string): string {
  return text.replace(hidden, (char, at: number) => (char === '\n' || char === '\t' ? char : picture(char, at, text)));
}

/** JSON already escapes the C0 controls. This escapes the other characters; the value stays the same. */
export function visibleJson(json: string): string {
  return json.replace(hidden, (char) => char.split('').map(escaped).join(''));
}
