import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * The SHA-256 of a small input, in hex. It does not use node:crypto, because loading OpenSSL costs a one-shot command 4
 * ms. Hashing a few kilobytes here takes a fraction of a millisecond.
 */
export function sha256Hex(data: string | Uint8Array): string {
  return bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data));
}
