/** C2SP chunked encryption, the instance Cobblestone-256: a header, then chunks of AES-256-GCM. */

import { concat, equal, utf8 } from './bytes.js';
import { expandSha512, subtle } from './keys.js';
import { SEALED_CHUNK_BYTES, TAG_BYTES } from './sizes.js';

const SALT_BYTES = 24;
const INFO = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0');

/** Opens the chunks of one stream, in any order. */
export class ChunkOpener {
  #key;
  #nonce;

  /**
   * @param {CryptoKey} key
   * @param {Uint8Array} nonce of chunk 0
   */
  constructor(key, nonce) {
    this.#key = key;
    this.#nonce = nonce;
  }

  /**
   * Checks a header's key commitment.
   * @param {Uint8Array} header the first 56 bytes of the stream
   * @param {import('./keys.js').StreamKey} streamKey
   * @returns {Promise<ChunkOpener | null>} null: the stream was made under another key or context
   */
  static async of(header, { key, context }) {
    const info = concat(INFO, header.subarray(0, SALT_BYTES), context);
    const secret = await expandSha512(key, info, 32 + 12 + 32);
    if (!equal(secret.subarray(44), header.subarray(SALT_BYTES))) return null;
    const raw = secret.subarray(0, 32);
    const imported = await subtle().importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
    return new ChunkOpener(imported, secret.slice(32, 44));
  }

  /**
   * Opens chunks that follow one another.
   * @param {Uint8Array} sealed whole chunks; only the stream's last one may be shorter
   * @param {number} first number of the first of them
   * @param {import('./errors.js').Refusal} refuse
   * @returns {Promise<Uint8Array>} their plaintext
   */
  async open(sealed, first, refuse) {
    const chunks = [];
    for (let at = 0; at < sealed.length; at += SEALED_CHUNK_BYTES) {
      const number = first + at / SEALED_CHUNK_BYTES;
      chunks.push(this.#openOne(sealed.subarray(at, at + SEALED_CHUNK_BYTES), number));
    }
    // All are waited for: under Node a rejection that nobody looks at ends the program.
    const opened = await Promise.allSettled(chunks);
    if (opened.some(({ status }) => status === 'rejected')) {
      throw refuse('its bytes are not those that were sealed');
    }
    return concat(...opened.map(({ value }) => value));
  }

  /**
   * @param {Uint8Array} sealed
   * @param {number} number
   */
  async #openOne(sealed, number) {
    const how = { name: 'AES-GCM', iv: this.#nonceOf(number), tagLength: 8 * TAG_BYTES };
    return new Uint8Array(await subtle().decrypt(how, this.#key, sealed));
  }

  /** @param {number} number */
  #nonceOf(number) {
    const nonce = this.#nonce.slice();
    const view = new DataView(nonce.buffer);
    view.setUint32(4, view.getUint32(4) ^ Math.floor(number / 2 ** 32));
    view.setUint32(8, view.getUint32(8) ^ number % 2 ** 32);
    return nonce;
  }
}
