/** The characters of a run, by their codes: those of words, paths and base64. */
const inRun = Uint8Array.from({ length: 128 }, (_, code) => Number(/[\w+/=~.:-]/.test(String.fromCharCode(code))));

/** The length of a run, in characters. */
const LENGTH = 12;

/**
 * All matches of `/[\w+/=~.:-]{12,}/g`. Only every 12th character is looked at, and the neighbours of those that may be
 * in a run: an expression looks at each character, which costs 5 s for a context of 2 GiB.
 */
export function longRuns(text: string): string[] {
  const runs: string[] = [];
  for (let at = LENGTH - 1; at < text.length; at += LENGTH) {
    if (!inRun[text.charCodeAt(at)]) continue;
    let start = at;
    while (start > 0 && inRun[text.charCodeAt(start - 1)]) start--;
    while (at < text.length && inRun[text.charCodeAt(at)]) at++;
    if (at - start >= LENGTH) runs.push(text.slice(start, at));
  }
  return runs;
}
