/**
 * System error codes that a child cannot cause through its files: a full or read-only disk, a failing device, a limit
 * of the system. A child can cause every other file error (a file is missing, unreadable, a folder, a link to itself).
 */
export const machineErrors: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  'ENODEV',
  'ENXIO',
  'ESTALE',
  'ENOTCONN',
  'EHOSTDOWN',
  'ETIMEDOUT',
]);
