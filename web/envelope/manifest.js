/** What a sealed record holds, checked before anything of it is believed. */

import { decode } from './cbor.js';
import { whyNamesFail } from './names.js';
import { sealedSize } from './sizes.js';

/** Bytes that an encoded manifest may have. */
export const MOST_MANIFEST_BYTES = 16 * 2 ** 20;
const MOST_FILES = 50_000;
const MOST_META = 64;

/**
 * Short facts; integers beyond 2^53 are bigints.
 * @typedef {ReadonlyMap<string, string | boolean | number | bigint>} Meta
 */

/**
 * One file of a record.
 * @typedef {object} ManifestEntry
 * @property {string} name relative path
 * @property {number} offset where its sealed stream begins in the record
 * @property {number} sealedBytes length of its sealed stream
 * @property {number} sizeBytes length of its content
 * @property {Meta} meta
 */

/**
 * @typedef {object} Manifest
 * @property {number} kind kind of record: 1 a DICOM study without its patient, 2 one as it came
 * @property {readonly ManifestEntry[]} files
 * @property {Meta} meta
 */

/**
 * Decodes a manifest, and checks names, sizes and that the files lie one after the other.
 * @param {Uint8Array} data canonical DAG-CBOR
 * @param {number} end where the files must end: the start of the manifest's own stream
 * @param {import('./errors.js').Refusal} refuse
 * @returns {Manifest}
 */
export function decodeManifest(data, end, refuse) {
  if (data.length > MOST_MANIFEST_BYTES) throw refuse('it is too long');
  const fields = new Fields(decode(data, refuse), 'the document', refuse);
  if (fields.uint('v', 2 ** 32) !== 1) throw refuse('v is not 1');
  const kind = fields.uint('kind', 2 ** 32);
  const files = fields.list('files', MOST_FILES).map((item, index) => entryOf(item, index, refuse));
  const meta = fields.meta('meta');
  fields.end();
  if (kind === 0) throw refuse('kind is 0');
  if (files.length === 0) throw refuse(`a record holds from 1 to ${MOST_FILES} files`);
  const reason = whyNamesFail(files.map((file) => file.name));
  if (reason) throw refuse(reason);
  checkPlaces(files, end, refuse);
  return Object.freeze({ kind, files: Object.freeze(files), meta });
}

/**
 * @param {unknown} item
 * @param {number} index
 * @param {import('./errors.js').Refusal} refuse
 * @returns {ManifestEntry}
 */
function entryOf(item, index, refuse) {
  const fields = new Fields(item, `files[${index}]`, refuse);
  const entry = {
    name: fields.text('name'),
    offset: fields.uint('offset', Infinity),
    sealedBytes: fields.uint('sealed', Infinity),
    sizeBytes: fields.uint('size', 2 ** 48),
    meta: fields.meta('meta'),
  };
  fields.end();
  return Object.freeze(entry);
}

/**
 * @param {ManifestEntry[]} files
 * @param {number} end
 * @param {import('./errors.js').Refusal} refuse
 */
function checkPlaces(files, end, refuse) {
  let offset = 0;
  for (const file of files) {
    if (file.offset !== offset || file.sealedBytes !== sealedSize(file.sizeBytes)) {
      throw refuse('its files do not lie one after the other');
    }
    offset += file.sealedBytes;
  }
  if (offset !== end) throw refuse('its files do not end where it begins');
}

/** A map being read: every key is taken once, and `end` leaves none over. */
class Fields {
  #where;
  #refuse;
  #rest;

  /**
   * @param {unknown} value
   * @param {string} where
   * @param {import('./errors.js').Refusal} refuse
   */
  constructor(value, where, refuse) {
    if (!(value instanceof Map)) throw refuse(`${where} is not a map`);
    this.#where = where;
    this.#refuse = refuse;
    this.#rest = new Map(value);
  }

  end() {
    if (this.#rest.size) throw this.#refuse(`${this.#where} has a key too many`);
  }

  /**
   * Takes an integer from 0 that is below `limit`. No place in a record is beyond 2^53.
   * @param {string} key
   * @param {number} limit
   * @returns {number}
   */
  uint(key, limit) {
    const value = this.#take(key);
    if (!Number.isSafeInteger(value) || value < 0 || value >= limit) {
      throw this.#refuse(`${key} is not an integer in its bounds`);
    }
    return value;
  }

  /**
   * @param {string} key
   * @returns {string}
   */
  text(key) {
    const value = this.#take(key);
    if (typeof value !== 'string') throw this.#refuse(`${key} is not a text`);
    return value;
  }

  /**
   * @param {string} key
   * @param {number} most items
   * @returns {unknown[]}
   */
  list(key, most) {
    const value = this.#take(key);
    if (!Array.isArray(value) || value.length > most) {
      throw this.#refuse(`${key} is not a list of at most ${most} items`);
    }
    return value;
  }

  /**
   * @param {string} key
   * @returns {Meta}
   */
  meta(key) {
    const value = this.#take(key);
    if (!(value instanceof Map) || value.size > MOST_META) {
      throw this.#refuse(`${key} is not a map of at most ${MOST_META} entries`);
    }
    for (const [name, item] of value) {
      const long = letters(name) > 256 || (typeof item === 'string' && letters(item) > 4096);
      if (long || !['string', 'boolean', 'number', 'bigint'].includes(typeof item)) {
        throw this.#refuse(`${key} has an entry that is no short text, boolean or integer`);
      }
    }
    return value;
  }

  /** @param {string} key */
  #take(key) {
    if (!this.#rest.has(key)) throw this.#refuse(`${this.#where} has no ${key}`);
    const value = this.#rest.get(key);
    this.#rest.delete(key);
    return value;
  }
}

/**
 * Characters of a text; JavaScript's `length` counts those beyond U+FFFF twice.
 * @param {string} text
 */
function letters(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
