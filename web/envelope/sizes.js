/** Lengths of sealed streams (docs/envelope-v1.md, section 3). Integers up to 2^53. */

/** Plaintext of one chunk, in bytes. */
export const CHUNK_BYTES = 16384;
/** Chunk salt (24) and key commitment (32). */
export const HEADER_BYTES = 56;
export const TAG_BYTES = 16;
/** The u64 before a content, and the one at the end of a record. */
export const LENGTH_BYTES = 8;
/** One chunk as it is stored. */
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

/**
 * The Padmé length: at most 12 % more.
 * @param {number} length
 */
export function padme(length) {
  if (length < 2) return length;
  const exponent = floorLog2(length);
  const step = 2 ** (exponent - floorLog2(exponent) - 1);
  return Math.ceil(length / step) * step;
}

/**
 * Bytes of the sealed stream with `length` bytes of content.
 * @param {number} length
 */
export function sealedSize(length) {
  const padded = padme(LENGTH_BYTES + length);
  // The last chunk is never full: a whole number of chunks is followed by an empty one.
  return HEADER_BYTES + padded + TAG_BYTES * (Math.floor(padded / CHUNK_BYTES) + 1);
}

/** @param {number} value from 1 */
function floorLog2(value) {
  let exponent = 0;
  // Not Math.log2, which rounds.
  for (let rest = value; rest >= 2; rest /= 2) exponent++;
  return exponent;
}
