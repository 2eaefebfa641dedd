/** Keys of a record's streams, by WebCrypto. */

import { concat, u32, utf8 } from './bytes.js';
import { ToolMissing } from './errors.js';

/** @returns {SubtleCrypto} */
export function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new ToolMissing();
  return found;
}

/**
 * Key and context of a stream.
 * @typedef {{key: Uint8Array, context: Uint8Array}} StreamKey
 */

/**
 * @param {Uint8Array} cek
 * @param {Uint8Array} salt
 * @param {number} index place of the file
 * @returns {Promise<StreamKey>}
 */
export async function fileKey(cek, salt, index) {
  const place = u32(index);
  return {
    key: await hkdf(cek, salt, concat(utf8('medibloc/file/v1'), place)),
    context: concat(utf8('medibloc/envelope/v1/file'), salt, place),
  };
}

/**
 * @param {Uint8Array} cek
 * @param {Uint8Array} salt
 * @returns {Promise<StreamKey>}
 */
export async function manifestKey(cek, salt) {
  return {
    key: await hkdf(cek, salt, utf8('medibloc/manifest/v1')),
    context: concat(utf8('medibloc/envelope/v1/manifest'), salt),
  };
}

/**
 * HKDF-SHA256 (RFC 5869), 32 bytes.
 * @param {Uint8Array} secret
 * @param {Uint8Array} salt
 * @param {Uint8Array} info
 */
async function hkdf(secret, salt, info) {
  const key = await subtle().importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt, info };
  return new Uint8Array(await subtle().deriveBits(how, key, 256));
}

/**
 * HKDF-Expand with SHA-512, which WebCrypto has no name for: its HKDF always extracts first.
 * @param {Uint8Array} secret a key as good as random
 * @param {Uint8Array} info
 * @param {number} length
 */
export async function expandSha512(secret, info, length) {
  const how = { name: 'HMAC', hash: 'SHA-512' };
  const key = await subtle().importKey('raw', secret, how, false, ['sign']);
  const blocks = [new Uint8Array(0)];
  for (let counter = 1; (counter - 1) * 64 < length; counter++) {
    const data = concat(blocks[counter - 1], info, Uint8Array.of(counter));
    blocks.push(new Uint8Array(await subtle().sign('HMAC', key, data)));
  }
  return concat(...blocks).slice(0, length);
}
