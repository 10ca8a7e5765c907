/**
 * How many colours the user wants, as a level of chalk. The first of these decides: FORCE_COLOR, NO_COLOR,
 * CLICOLOR_FORCE, TERM=dumb, and whether the output is a terminal. An empty NO_COLOR or CLICOLOR_FORCE does not count.
 * `--no-color` comes before all of them.
 */
export function colourLevel(env: NodeJS.ProcessEnv, isTerminal: boolean): 0 | 1 | 2 | 3 {
  const { FORCE_COLOR: forced, NO_COLOR: none, CLICOLOR_FORCE: asked, TERM: terminal } = env;
  if (forced !== undefined) return levels.get(forced.toLowerCase()) ?? 1;
  if (none) return 0;
  if (asked && asked !== '0') return 1;
  return terminal !== 'dumb' && isTerminal ? 1 : 0;
}

/** The values of FORCE_COLOR. All others mean 1. */
const levels: ReadonlyMap<string, 0 | 2 | 3> = new Map([
  ['0', 0],
  ['false', 0],
  ['2', 2],
  ['3', 3],
]);
