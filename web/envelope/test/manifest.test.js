import assert from 'node:assert/strict';
import test from 'node:test';

import { concat } from '../bytes.js';
import { damaged } from '../errors.js';
import { decodeManifest } from '../manifest.js';

/** v 1, kind 1, no meta, and a list of files that begins here. */
const HEAD = Uint8Array.from(Buffer.from('a4617601646b696e6401646d657461a06566696c6573', 'hex'));

/** @param {...number} files CBOR of the list */
function reading(...files) {
  return () => decodeManifest(concat(HEAD, Uint8Array.from(files)), 0, damaged('test'));
}

test('a manifest without files is refused', () => {
  assert.throws(reading(0x80), { reason: /from 1 to 50000 files/ });
});

test('a manifest of more files than there may be is refused', () => {
  const many = (count) => [0x99, count >> 8, count & 255, ...Array(count).fill(0xa0)];
  assert.throws(reading(...many(50_001)), { reason: /a list of at most 50000/ });
  assert.throws(reading(...many(50_000)), { reason: 'files[0] has no name' });
});

test('a manifest longer than there may be is refused unread', () => {
  const long = new Uint8Array(16 * 2 ** 20 + 1);
  const read = (data) => () => decodeManifest(data, 0, damaged('test'));
  assert.throws(read(long), { reason: 'it is too long' });
  assert.throws(read(long.subarray(1)), { reason: /canonical/ });
});
