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
 * The part of a file that a frame is. Places are the sealer's word: they are held to the file,
 * and nothing tells whether another frame lies there.
 * @param {import('./manifest.js').ManifestEntry} file
 * @param {number} frame from 0
 * @param {import('./errors.js').Refusal} refuse
 * @returns {{offset: number, length: number}}
 * @throws {InvalidValue} there is no such frame, or nothing says where it lies
 */
export function partOf({ meta, sizeBytes }, frame, refuse) {
  const frames = meta.get('frames');
  if (!isCount(frame) || !isCount(frames) || frame >= frames) {
    const allowed = isCount(frames) && frames ? `from 0 to ${frames - 1}` : 'of a file with pixels';
    throw new InvalidValue('frame', frame, allowed);
  }
  if (!meta.has('pixels_at')) {
    const allowed = 'of a file whose manifest says where its frames lie';
    throw new InvalidValue('frame', frame, allowed);
  }
  const start = meta.get('pixels_at');
  const { before, length } = lengthsOf(meta, frame);
  // Beyond the file before anything is added: what is added beyond 2^53 is rounded.
  const within = [start, before, length].every((value) => isCount(value) && value <= sizeBytes);
  if (!within || !length || start + before + length > sizeBytes) {
    throw refuse('a frame is not where its manifest says');
  }
  return { offset: start + before, length };
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
 * The length of a frame, and of all before it; undefined as far as nothing tells.
 * @param {import('./manifest.js').Meta} meta
 * @param {number} frame
 */
function lengthsOf(meta, frame) {
  if (meta.has('frame_bytes')) {
    const length = meta.get('frame_bytes');
    return { before: isCount(length) ? frame * length : undefined, length };
  }
  const lengths = lengthsUpTo(meta, frame);
  const before = lengths.slice(0, frame).reduce((sum, length) => sum + length, 0);
  return { before, length: lengths[frame] };
}

/**
 * Lengths of the frames up to one, and of some behind it; fewer where a text of them is missing.
 * @param {import('./manifest.js').Meta} meta
 * @param {number} frame
 */
function lengthsUpTo(meta, frame) {
  const lengths = [];
  for (let text = 0; text <= frame / LENGTHS_OF_A_TEXT; text++) {
    const packed = bytesOf(meta.get(`frame_lengths_${text}`));
    if (!packed.length) break;
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
