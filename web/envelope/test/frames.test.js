import assert from 'node:assert/strict';
import test from 'node:test';

import { damaged } from '../errors.js';
import { contentOf, partOf } from '../frames.js';
import { Corrupted, InvalidValue } from '../index.js';

const metaOf = (facts) => new Map(Object.entries(facts));
const packed = (lengths) => {
  const bytes = Buffer.alloc(4 * lengths.length);
  lengths.forEach((length, at) => bytes.writeUInt32BE(length, 4 * at));
  return bytes.toString('base64');
};
const item = (...bytes) => [0xfe, 0xff, 0x00, 0xe0, bytes.length, 0, 0, 0, ...bytes];
const refuse = damaged('0001.dcm');

test('frames of one length follow each other', () => {
  const meta = metaOf({ frames: 3, pixels_at: 1000, frame_bytes: 50 });
  assert.deepEqual(partOf(meta, 0), { offset: 1000, length: 50 });
  assert.deepEqual(partOf(meta, 2), { offset: 1100, length: 50 });
});

test('frames of different lengths lie behind those before them', () => {
  const lengths = Array.from({ length: 1700 }, (_, at) => 10 + at);
  const meta = metaOf({
    frames: 1700,
    pixels_at: 7,
    frame_lengths_0: packed(lengths.slice(0, 768)),
    frame_lengths_1: packed(lengths.slice(768, 1536)),
    frame_lengths_2: packed(lengths.slice(1536)),
  });
  let offset = 7;
  for (const [frame, length] of lengths.entries()) {
    assert.deepEqual(partOf(meta, frame), { offset, length });
    offset += length;
  }
});

test('a frame that is not there, or that nothing is said of, is no frame', () => {
  const told = { frames: 2, pixels_at: 8, frame_bytes: 4 };
  const untold = { ...told, frame_bytes: 'many' };
  for (const [facts, frame] of [
    [told, 2],
    [told, -1],
    [told, 0.5],
    [{}, 0],
    [{ frames: 1 }, 0],
    [untold, 0],
    [{ ...untold, frame_lengths_0: packed([4]) }, 1],
    [{ ...untold, frame_lengths_0: '%' }, 0],
    [{ ...untold, frame_lengths_0: 4 }, 0],
  ]) {
    assert.throws(() => partOf(metaOf(facts), frame), InvalidValue);
  }
});

test('heads of items are taken off, and what is no item is refused', () => {
  const meta = metaOf({ encapsulated: 1 });
  const bytes = Uint8Array.from([...item(1, 2, 3, 4), ...item(), ...item(5, 6)]);
  assert.deepEqual([...contentOf(meta, bytes, refuse)], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(contentOf(metaOf({}), bytes, refuse), bytes);
  for (const bad of [bytes.subarray(1), bytes.subarray(0, -1), bytes.subarray(0, 18)]) {
    assert.throws(() => contentOf(meta, bad, refuse), Corrupted);
  }
});
