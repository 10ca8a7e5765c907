/**
 * The system's names of errors that a child can't bring about by what it does to files: of a full or read-only disk,
 * of a failing device, of a limit of the system. Any other error of a file (it is missing, not readable, a folder, a
 * link to itself) can be its doing.
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
