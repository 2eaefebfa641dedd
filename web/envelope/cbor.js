/**
 * DAG-CBOR, read strictly: one document, in the one form that an encoder may give it.
 *
 * Maps become `Map`, byte strings `Uint8Array`. Integers become numbers, or bigints when no number
 * holds them exactly. Links (tag 42) are not read: no manifest has one.
 */

/** Levels that a document may have. */
const MOST_DEPTH = 64;
const UTF8 = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A floating-point number; a class of its own, because 1.0 is not the integer 1. */
export class Float {
  /** @param {number} value */
  constructor(value) {
    this.value = value;
  }
}

/**
 * @param {Uint8Array} data
 * @param {import('./errors.js').Refusal} refuse
 */
export function decode(data, refuse) {
  const decoder = new Decoder(data, () => refuse('it is not canonical DAG-CBOR'));
  const value = decoder.item(0);
  decoder.end();
  return value;
}

class Decoder {
  #data;
  #view;
  #refuse;
  #text = UTF8();
  #at = 0;

  /**
   * @param {Uint8Array} data
   * @param {() => Error} refuse
   */
  constructor(data, refuse) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#refuse = refuse;
  }

  end() {
    if (this.#at !== this.#data.length) throw this.#refuse();
  }

  /** @param {number} depth of what holds it */
  item(depth) {
    if (depth > MOST_DEPTH) throw this.#refuse();
    const first = this.#take(1)[0];
    const major = first >> 5;
    if (major === 7) return this.#simple(first & 31);
    const value = this.#argument(first & 31);
    switch (major) {
      case 0:
        return value;
      case 1:
        return this.#negative(value);
      case 2:
        return this.#take(value).slice();
      case 3:
        return this.#string(value);
      case 4:
        return this.#list(value, depth);
      case 5:
        return this.#map(value, depth);
      default:
        throw this.#refuse();
    }
  }

  /** @param {number | bigint} length */
  #take(length) {
    if (length > this.#data.length - this.#at) throw this.#refuse();
    const start = this.#at;
    this.#at += Number(length);
    return this.#data.subarray(start, this.#at);
  }

  /**
   * The number after a head, in its shortest form.
   * @param {number} info the low 5 bits of the head
   * @returns {number | bigint}
   */
  #argument(info) {
    if (info < 24) return info;
    if (info > 27) throw this.#refuse();
    const at = this.#at;
    this.#take(2 ** (info - 24));
    const value = [
      () => this.#view.getUint8(at),
      () => this.#view.getUint16(at),
      () => this.#view.getUint32(at),
      () => this.#view.getBigUint64(at),
    ][info - 24]();
    const least = [24, 2 ** 8, 2 ** 16, 2 ** 32][info - 24];
    if (value < least) throw this.#refuse();
    return plain(value);
  }

  /** @param {number | bigint} value */
  #negative(value) {
    return plain(-1n - BigInt(value));
  }

  /** @param {number} info */
  #simple(info) {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info !== 27) throw this.#refuse();
    const at = this.#at;
    this.#take(8);
    const value = this.#view.getFloat64(at);
    if (!Number.isFinite(value)) throw this.#refuse();
    return new Float(value);
  }

  /** @param {number | bigint} length */
  #string(length) {
    const bytes = this.#take(length);
    try {
      return this.#text.decode(bytes);
    } catch {
      throw this.#refuse();
    }
  }

  /**
   * @param {number | bigint} length
   * @param {number} depth
   */
  #list(length, depth) {
    const items = [];
    for (let index = 0; index < length; index++) items.push(this.item(depth + 1));
    return items;
  }

  /**
   * @param {number | bigint} length
   * @param {number} depth
   */
  #map(length, depth) {
    const items = new Map();
    let before = null;
    for (let index = 0; index < length; index++) {
      const head = this.#take(1)[0];
      if (head >> 5 !== 3) throw this.#refuse();
      const size = this.#argument(head & 31);
      const start = this.#at;
      const key = this.#string(size);
      const bytes = this.#data.subarray(start, this.#at);
      if (before && !follows(bytes, before)) throw this.#refuse();
      before = bytes;
      items.set(key, this.item(depth + 1));
    }
    return items;
  }
}

/**
 * A number where it is exact.
 * @param {number | bigint} value
 */
function plain(value) {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

/**
 * Tells whether a key may come after another: longer, or as long and greater byte by byte.
 * @param {Uint8Array} key
 * @param {Uint8Array} before
 */
function follows(key, before) {
  if (key.length !== before.length) return key.length > before.length;
  const at = key.findIndex((byte, index) => byte !== before[index]);
  return at >= 0 && key[at] > before[at];
}
