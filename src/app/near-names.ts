import { distance } from 'fastest-levenshtein';

/** Names of such different lengths are never near. A name from outside may be very long. */
const LONGEST = 256;

/**
 * Finds what the writer of an unknown name may have meant.
 * @param nameOf returns the name that is compared
 * @returns the candidates with a near name, the nearest first; equally near ones keep their order
 */
export function nearest<T>(name: string, candidates: Iterable<T>, nameOf: (candidate: T) => string): T[] {
  if (name.length > LONGEST) return [];
  const most = Math.max(2, name.length / 4);
  return [...candidates]
    .map((candidate) => ({ candidate, known: nameOf(candidate) }))
    .map(({ candidate, known }) => ({
      candidate,
      far: distance(known, name),
      shorter: Math.min(known.length, name.length),
    }))
    .filter(({ far, shorter }) => far <= most && far < shorter)
    .toSorted((a, b) => a.far - b.far)
    .map(({ candidate }) => candidate);
}

/** The nearest of these names; undefined if none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  return nearest(name, known, (one) => one)[0];
}
