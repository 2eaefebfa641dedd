/** Names of files: relative paths that mean one and the same file wherever they are written. */

import { utf8 } from './bytes.js';

const MOST_NAME_BYTES = 1024;
const MOST_PART_BYTES = 255;
const MOST_PARTS = 16;
// Controls, what Windows forbids, invisible and direction-changing characters, surrogates.
const FORBIDDEN =
  /[\x00-\x1f\x7f-\x9f\\:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/u;
const DEVICE = /^(con|prn|aux|nul|(com|lpt)[0-9])(\..*)?$/i;

/**
 * Says why these names cannot be the files of one record; empty when they can.
 * @param {string[]} names
 */
export function whyNamesFail(names) {
  const folded = new Set(names.map((name) => fold(name.normalize('NFC'))));
  if (folded.size !== names.length) return 'two of its files have one name';
  if (!names.every(isSafe)) return 'the name of a file is not a plain relative path';
  for (const name of folded) {
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) {
      if (folded.has(name.slice(0, at))) return 'one of its files is the folder of another';
    }
  }
  return '';
}

/** @param {string} name */
function isSafe(name) {
  if (FORBIDDEN.test(name) || utf8(name).length > MOST_NAME_BYTES) return false;
  const parts = name.split('/');
  return parts.length <= MOST_PARTS && parts.every(isSafePart);
}

/** @param {string} part */
function isSafePart(part) {
  // Some file systems drop a trailing dot or blank, which also covers "." and "..".
  if (!part || part.endsWith('.') || part.endsWith(' ')) return false;
  return utf8(part).length <= MOST_PART_BYTES && !DEVICE.test(part);
}

/**
 * Two texts are equal after this exactly when Unicode's full case folding makes them equal
 * (test/names.test.js holds it to every letter of the table).
 *
 * Letter by letter, because `toLowerCase` looks at the neighbours of a sigma. The dotless ı has I
 * as its capital and yet folds to itself.
 * @param {string} text
 */
export function fold(text) {
  const folded = Array.from(text, (letter) =>
    letter === 'ı' ? letter : Array.from(letter.toLowerCase().toUpperCase(), lower).join(''),
  );
  return folded.join('');
}

/** @param {string} letter */
function lower(letter) {
  return letter.toLowerCase();
}
