import * as z from 'zod/mini';

/** The last moment that an ISO 8601 time with four digits for the year can say, in ms since 1970. */
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A moment of the log, in whole ms since 1970. Every one of them is a date that can be shown. */
export const moment = () => z.int().check(z.gte(0), z.lte(LAST_MOMENT));
