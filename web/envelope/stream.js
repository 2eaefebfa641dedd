/** One sealed stream of a record: padded content in chunks (docs/envelope-v1.md, section 3). */

import { readU64 } from './bytes.js';
import { ChunkOpener } from './cobblestone.js';
import {
  CHUNK_BYTES,
  HEADER_BYTES,
  LENGTH_BYTES,
  SEALED_CHUNK_BYTES,
  TAG_BYTES,
} from './sizes.js';

/** Chunks that are fetched at once: about 1 MiB. */
const BATCH = 64;

/**
 * Gives exactly `length` bytes from `offset`.
 * @callback Read
 * @param {number} offset
 * @param {number} length
 * @returns {Promise<Uint8Array>}
 */

/** A stream whose key commitment holds. */
export class SealedStream {
  #read;
  #chunks;
  #rest;
  #refuse;

  /**
   * Use `SealedStream.open`.
   * @param {Read} read
   * @param {ChunkOpener} chunks
   * @param {number} rest bytes after the header
   * @param {import('./errors.js').Refusal} refuse
   */
  constructor(read, chunks, rest, refuse) {
    this.#read = read;
    this.#chunks = chunks;
    this.#rest = rest;
    this.#refuse = refuse;
  }

  /**
   * Fetches the header and checks its key commitment.
   * @param {Read} read gives bytes of the record
   * @param {number} start where the stream begins in it
   * @param {number} sealedBytes its length, header included
   * @param {import('./keys.js').StreamKey} streamKey
   * @param {import('./errors.js').Refusal} refuse
   * @returns {Promise<SealedStream | null>} null: it was made under another key or context
   */
  static async open(read, start, sealedBytes, streamKey, refuse) {
    const chunks = await ChunkOpener.of(await read(start, HEADER_BYTES), streamKey);
    if (!chunks) return null;
    const from = (offset, length) => read(start + HEADER_BYTES + offset, length);
    return new SealedStream(from, chunks, sealedBytes - HEADER_BYTES, refuse);
  }

  /**
   * The whole content in pieces of about 1 MiB, without its length and padding.
   *
   * Each piece is authentic, but only the end tells that the content is whole.
   * @param {number | null} length what the content must have; null when only the stream knows
   * @returns {AsyncGenerator<Uint8Array, void, void>}
   */
  async *content(length) {
    const last = Math.floor(this.#rest / SEALED_CHUNK_BYTES);
    let left = length;
    for (let first = 0; first <= last; first += BATCH) {
      let plain = await this.#plain(first, Math.min(first + BATCH - 1, last));
      if (first === 0) {
        left = this.#lengthIn(plain, length);
        plain = plain.subarray(LENGTH_BYTES);
      }
      const content = plain.subarray(0, left);
      this.#checkPadding(plain.subarray(content.length));
      left -= content.length;
      if (content.length) yield content;
    }
    if (left) throw this.#refuse('it is shorter than it says');
  }

  /**
   * A part of the content. Only the chunks that hold it are fetched and opened.
   * @param {number} size length of the content
   * @param {number} offset
   * @param {number} length from 1; the part lies within the content
   * @returns {Promise<Uint8Array>}
   */
  async range(size, offset, length) {
    const begin = LENGTH_BYTES + offset;
    const first = Math.floor(begin / CHUNK_BYTES);
    const last = Math.floor((begin + length - 1) / CHUNK_BYTES);
    const plain = await this.#plain(first, last);
    if (first === 0) this.#lengthIn(plain, size);
    const shift = first * CHUNK_BYTES;
    this.#checkPadding(plain.subarray(Math.max(LENGTH_BYTES + size - shift, 0)));
    return plain.slice(begin - shift, begin - shift + length);
  }

  /**
   * Opens the chunks from `first` to `last`.
   * @param {number} first
   * @param {number} last
   */
  async #plain(first, last) {
    const begin = first * SEALED_CHUNK_BYTES;
    const end = Math.min((last + 1) * SEALED_CHUNK_BYTES, this.#rest);
    // The last chunk is shorter than the others, and has a tag even when it is empty.
    if (this.#rest % SEALED_CHUNK_BYTES < TAG_BYTES) {
      throw this.#refuse('its last chunk is cut');
    }
    return this.#chunks.open(await this.#read(begin, end - begin), first, this.#refuse);
  }

  /**
   * @param {Uint8Array} plain begins with chunk 0
   * @param {number | null} expected
   */
  #lengthIn(plain, expected) {
    if (plain.length < LENGTH_BYTES) throw this.#refuse('it is too short to say its length');
    const said = Number(readU64(plain));
    if (expected !== null && said !== expected) {
      throw this.#refuse('its length is not that of the manifest');
    }
    return said;
  }

  /** @param {Uint8Array} padding */
  #checkPadding(padding) {
    if (padding.some((byte) => byte !== 0)) throw this.#refuse('its padding is not zero');
  }
}
