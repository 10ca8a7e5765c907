/** A number of things, for people: `1 file`, `2 files`. @param many the plural, if it does not only add an s */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
