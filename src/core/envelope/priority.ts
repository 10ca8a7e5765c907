/** In ascending order: claims prefer the later ones. */
export const priorities = ['low', 'normal', 'high'] as const;

export type Priority = (typeof priorities)[number];

/** 0 for low, 1 for normal, 2 for high. */
export function rankOf(priority: Priority): number {
  return priorities.indexOf(priority);
}
