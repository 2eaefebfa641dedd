/** Where the frames of a DICOM file lie, by the facts of its manifest (docs/envelope-v1.md, section 4). */

import { concat } from './bytes.js';
import { InvalidValue } from './errors.js';

/** Lengths that one text of a manifest holds, as 4 big-endian bytes each. */
const LENGTHS_OF_A_TEXT = 768;
const LENGTH_BYTES = 4;
/** An item of encapsulated pixels: tag and length, little-endian (PS3.5 A.4). */
const ITEM = 0xe000fffe;
const HEAD_BYTES = 8;

/**
 * The part of a file that a frame is.
 * @param {import('./manifest.js').Meta} meta of the file
 * @param {number} frame from 0
 * @returns {{offset: number, length: number}}
 * @throws {InvalidValue} there is no such frame, or nothing says where it lies
 */
export function partOf(meta, frame) {
  const frames = Number(meta.get('frames') ?? 0);
  if (!isCount(frame) || frame >= frames) {
    throw new InvalidValue('frame', frame, frames ? `from 0 to ${frames - 1}` : 'of a file with pixels');
  }
  const start = meta.get('pixels_at');
  const equal = meta.get('frame_bytes');
  const lengths = isCount(equal) ? null : lengthsUpTo(meta, frame);
  if (!isCount(start) || (lengths && lengths.length <= frame)) {
    const allowed = 'of a file whose manifest says where its frames lie';
    throw new InvalidValue('frame', frame, allowed);
  }
  if (!lengths) return { offset: start + frame * equal, length: equal };
  const before = lengths.slice(0, frame).reduce((sum, length) => sum + length, 0);
  return { offset: start + before, length: lengths[frame] };
}

/**
 * The bytes of a frame without the heads of its items; of what is not encapsulated, as they are.
 * @param {import('./manifest.js').Meta} meta of the file
 * @param {Uint8Array} part
 * @param {import('./errors.js').Refusal} refuse
 */
export function contentOf(meta, part, refuse) {
  if (!meta.get('encapsulated')) return part;
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  const fragments = [];
  let at = 0;
  while (at < part.length) {
    const known = at + HEAD_BYTES <= part.length && view.getUint32(at, true) === ITEM;
    const end = known ? at + HEAD_BYTES + view.getUint32(at + 4, true) : Infinity;
    if (end > part.length) throw refuse('a frame is not where its manifest says');
    fragments.push(part.subarray(at + HEAD_BYTES, end));
    at = end;
  }
  return concat(...fragments);
}

/**
 * Lengths of the frames up to one, and of some behind it.
 * @param {import('./manifest.js').Meta} meta
 * @param {number} frame
 */
function lengthsUpTo(meta, frame) {
  const lengths = [];
  for (let text = 0; text <= frame / LENGTHS_OF_A_TEXT; text++) {
    const packed = bytesOf(meta.get(`frame_lengths_${text}`));
    const view = new DataView(packed.buffer);
    for (let at = 0; at + LENGTH_BYTES <= packed.length; at += LENGTH_BYTES) {
      lengths.push(view.getUint32(at));
    }
  }
  return lengths;
}

/** @param {unknown} text base64; anything else has no bytes */
function bytesOf(text) {
  if (typeof text !== 'string') return new Uint8Array(0);
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}
