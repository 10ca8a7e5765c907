/** The default options of a command line without those that are given: no option may stand twice. */
export function withDefaults(defaults: Readonly<Record<string, string>>, given: readonly string[]): string[] {
  const others = Object.entries(defaults).filter(([option]) => !given.includes(option));
  return [...others.flat(), ...given];
}
