/** A value as one word of a command line for a POSIX shell: quoted if it needs quotes. */
export function shellWord(value: string): string {
  return /^[\w./@:,+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
