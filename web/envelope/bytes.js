/** Small acts on bytes. */

/**
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} the parts, one after the other
 */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Compares without telling by its time where two values differ.
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
export function equal(one, other) {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at++) difference |= one[at] ^ other[at];
  return difference === 0;
}

/**
 * @param {string} text
 * @returns {Uint8Array} its UTF-8
 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/**
 * @param {number} value
 * @returns {Uint8Array} 4 big-endian bytes
 */
export function u32(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @returns {bigint} the first 8 bytes as a big-endian integer
 */
export function readU64(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
}
