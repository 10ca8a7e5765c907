/** `[#####-----]  50%` */
export function bar(percent: number, width = 20): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}] ${Math.round(percent)}%`;
}

/** Shortens a line of text for a table cell. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
