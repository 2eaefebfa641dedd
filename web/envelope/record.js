/** Sealed records: one blob of sealed files, their sealed manifest, and its length. */

import { concat, readU64 } from './bytes.js';
import { ChunkOpener } from './cobblestone.js';
import { Corrupted, damaged, InvalidValue, WrongKey } from './errors.js';
import { contentOf, partOf } from './frames.js';
import { fileKey, manifestKey } from './keys.js';
import { decodeManifest, MOST_MANIFEST_BYTES } from './manifest.js';
import { HEADER_BYTES, LENGTH_BYTES, sealedSize } from './sizes.js';
import { SealedStream } from './stream.js';

const refuse = damaged('the sealed record');
const LEAST_STREAM = sealedSize(0);
/** Files whose keys are kept between ranges. */
const MOST_KEPT = 256;

/**
 * Opens a record that lies elsewhere: fetches its manifest and checks it.
 *
 * @param {object} source
 * @param {import('./stream.js').Read} source.read gives bytes of the record; what it throws passes
 * @param {number} source.size length of the record in bytes
 * @param {Uint8Array} source.cek content key of the record, 32 bytes
 * @param {Uint8Array} source.salt salt of the record, 32 bytes
 * @returns {Promise<OpenedRecord>}
 * @throws {InvalidValue} key or salt is not 32 bytes, or the size is no length
 * @throws {WrongKey} the record was sealed under another key or salt
 * @throws {Corrupted} the record was changed, cut or extended
 */
export async function openRecord({ read, size, cek, salt }) {
  checkKey('cek', cek);
  checkKey('salt', salt);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new InvalidValue('size', size, 'an integer from 0 to 2^53 - 1');
  }
  const keys = { cek: cek.slice(), salt: salt.slice() };
  const exactly = checked(read);
  const { content, start } = await readManifest(exactly, size, keys);
  const inManifest = (reason) => refuse(`in its manifest, ${reason}`);
  return new OpenedRecord(exactly, keys, decodeManifest(content, start, inManifest));
}

/** A record whose manifest has been checked. */
export class OpenedRecord {
  #read;
  #keys;
  /** @type {Map<number, SealedStream>} */
  #kept = new Map();

  /**
   * Use `openRecord`.
   * @param {import('./stream.js').Read} read
   * @param {Keys} keys
   * @param {import('./manifest.js').Manifest} manifest
   */
  constructor(read, keys, manifest) {
    this.#read = read;
    this.#keys = keys;
    this.manifest = manifest;
  }

  /**
   * Opens one file in pieces of about 1 MiB.
   *
   * Each piece is authentic, but only the end tells that the file is whole: keep nothing of it
   * before the iteration is over.
   * @param {number} index place of the file in the manifest
   * @returns {AsyncGenerator<Uint8Array, void, void>}
   * @throws {InvalidValue} no file has this place; thrown at once
   * @throws {Corrupted} the file was changed, cut or moved; thrown while iterating
   */
  file(index) {
    return this.#pieces(index, this.#entry(index));
  }

  /**
   * Opens a part of one file. Only the chunks that hold it are fetched and checked; whether the
   * rest of the file is whole is not looked at.
   * @param {number} index place of the file in the manifest
   * @param {number} offset first byte of the part
   * @param {number} length bytes of the part; may be 0
   * @returns {Promise<Uint8Array>}
   * @throws {InvalidValue} no file has this place, or the part does not lie within the file
   * @throws {Corrupted} a chunk in the way was changed, cut or moved
   */
  async range(index, offset, length) {
    const entry = this.#entry(index);
    const end = offset + length;
    if (![offset, length].every(isCount) || end > entry.sizeBytes) {
      const allowed = `within the ${entry.sizeBytes} bytes of the file`;
      throw new InvalidValue('range', `${offset} to ${end}`, allowed);
    }
    if (length === 0) return new Uint8Array(0);
    const stream = this.#kept.get(index) ?? (await this.#stream(index, entry));
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(index, stream);
    return stream.range(entry.sizeBytes, offset, length);
  }

  /**
   * Reads one frame of a DICOM file by one range, with no look at its header. Nothing is decoded:
   * `transfer_syntax` in the file's `meta` says how, and `rows`, `columns`, `samples`,
   * `bits_allocated` and others what of.
   * @param {number} index place of the file in the manifest
   * @param {number} frame from 0
   * @returns {Promise<Uint8Array>} the frame as it is encoded, without the heads of its items
   * @throws {InvalidValue} no such file or frame, or the manifest does not say where it lies
   * @throws {Corrupted} a chunk in the way was changed, or the frame is not where it should be
   */
  async frame(index, frame) {
    const entry = this.#entry(index);
    const refuse = damaged(entry.name);
    const { offset, length } = partOf(entry, frame, refuse);
    return contentOf(entry.meta, await this.range(index, offset, length), refuse);
  }

  /** @param {number} index */
  #entry(index) {
    const { files } = this.manifest;
    if (!isCount(index) || index >= files.length) {
      throw new InvalidValue('file', index, `from 0 to ${files.length - 1}`);
    }
    return files[index];
  }

  /**
   * @param {number} index
   * @param {import('./manifest.js').ManifestEntry} entry
   */
  async *#pieces(index, entry) {
    const stream = await this.#stream(index, entry);
    yield* stream.content(entry.sizeBytes);
  }

  /**
   * @param {number} index
   * @param {import('./manifest.js').ManifestEntry} entry
   */
  async #stream(index, { name, offset, sealedBytes }) {
    const key = await fileKey(this.#keys.cek, this.#keys.salt, index);
    const opened = await SealedStream.open(this.#read, offset, sealedBytes, key, damaged(name));
    if (!opened) throw new Corrupted(name, 'its bytes are not those that were sealed');
    return opened;
  }
}

/** @typedef {{cek: Uint8Array, salt: Uint8Array}} Keys */

/**
 * Finds and opens the manifest's stream.
 * @param {import('./stream.js').Read} read
 * @param {number} size
 * @param {Keys} keys
 */
async function readManifest(read, size, keys) {
  const trailerAt = size - LENGTH_BYTES;
  if (trailerAt < 2 * LEAST_STREAM) throw refuse('it is too short');
  const sealedBytes = Number(readU64(await read(trailerAt, LENGTH_BYTES)));
  const start = trailerAt - sealedBytes;
  const known = LEAST_STREAM <= sealedBytes && sealedBytes <= sealedSize(MOST_MANIFEST_BYTES);
  if (start < LEAST_STREAM || !known) {
    await tellWrongKey(read, keys);
    throw refuse('its manifest is not where it should be');
  }
  const key = await manifestKey(keys.cek, keys.salt);
  const stream = await SealedStream.open(read, start, sealedBytes, key, refuse);
  if (!stream) {
    await tellWrongKey(read, keys);
    throw refuse('its bytes are not those that were sealed');
  }
  const content = await whole(stream.content(null));
  if (sealedSize(content.length) !== sealedBytes) {
    throw refuse('its manifest is not padded as it should be');
  }
  return { content, start };
}

/**
 * Throws WrongKey unless file 0 shows that the key is right and the manifest is not.
 * @param {import('./stream.js').Read} read
 * @param {Keys} keys
 */
async function tellWrongKey(read, { cek, salt }) {
  const key = await fileKey(cek, salt, 0);
  if (!(await ChunkOpener.of(await read(0, HEADER_BYTES), key))) throw new WrongKey('record');
}

/**
 * @param {AsyncIterable<Uint8Array>} pieces
 * @returns {Promise<Uint8Array>}
 */
async function whole(pieces) {
  const parts = [];
  for await (const piece of pieces) parts.push(piece);
  return concat(...parts);
}

/**
 * Holds whoever reads to the length that was asked for.
 * @param {import('./stream.js').Read} read
 * @returns {import('./stream.js').Read}
 */
function checked(read) {
  return async (offset, length) => {
    const bytes = await read(offset, length);
    if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
      throw refuse(`the store did not give the ${length} bytes at ${offset}`);
    }
    return bytes;
  };
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function checkKey(name, value) {
  if (!(value instanceof Uint8Array) || value.length !== 32) {
    const given = value instanceof Uint8Array ? `${value.length} bytes` : `a ${typeof value}`;
    throw new InvalidValue(name, given, '32 bytes');
  }
}

/** @param {unknown} value */
function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
