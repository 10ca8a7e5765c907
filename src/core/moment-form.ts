import * as z from 'zod/mini';

/** The latest time that ISO 8601 can express with a four-digit year, in ms since 1970. */
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time in the log, in whole ms since 1970. It can always be shown as a date. */
export const moment = () => z.int().check(z.gte(0), z.lte(LAST_MOMENT));
