import assert from 'node:assert/strict';
import test from 'node:test';

import { damaged } from '../errors.js';
import { contentOf, partOf } from '../frames.js';
import * as envelope from '../index.js';
import { digest, good, open } from './vectors.js';

const { Corrupted, InvalidValue } = envelope;
const SIZE = 10_000_000;
const metaOf = (facts) => new Map(Object.entries(facts));
const partIn = (facts, frame) => partOf({ meta: metaOf(facts), sizeBytes: SIZE }, frame, refuse);
const packed = (lengths) => {
  const bytes = Buffer.alloc(4 * lengths.length);
  lengths.forEach((length, at) => bytes.writeUInt32BE(length, 4 * at));
  return bytes.toString('base64');
};
const item = (...bytes) => [0xfe, 0xff, 0x00, 0xe0, bytes.length, 0, 0, 0, ...bytes];
const refuse = damaged('0001.dcm');

const VECTOR = good('frames');
for (const { file, frame, sha256, error } of VECTOR.frames) {
  const { name } = VECTOR.files[file];
  test(`frame ${frame} of ${name} ${error ? `is ${error}` : 'is where it should be'}`, async () => {
    const record = await open(VECTOR);
    const given = record.frame(file, frame);
    if (error) await assert.rejects(given, envelope[error]);
    else assert.equal(digest(await given), sha256);
  });
}

test('a frame takes one range, and a place that lies takes none', async () => {
  const asked = [];
  const record = await open(VECTOR, asked);
  await record.frame(0, 0);
  asked.length = 0;
  await record.frame(0, 2);
  assert.deepEqual(asked.length, 1);
  const lie = VECTOR.frames.find(({ error }) => error === 'Corrupted');
  await assert.rejects(record.frame(lie.file, lie.frame), Corrupted);
  assert.deepEqual(asked.length, 1);
});

test('frames of one length follow each other', () => {
  const facts = { frames: 3, pixels_at: 1000, frame_bytes: 50 };
  assert.deepEqual(partIn(facts, 0), { offset: 1000, length: 50 });
  assert.deepEqual(partIn(facts, 2), { offset: 1100, length: 50 });
});

test('frames of different lengths lie behind those before them', () => {
  const lengths = Array.from({ length: 1700 }, (_, at) => 10 + at);
  const facts = {
    frames: 1700,
    pixels_at: 7,
    frame_lengths_0: packed(lengths.slice(0, 768)),
    frame_lengths_1: packed(lengths.slice(768, 1536)),
    frame_lengths_2: packed(lengths.slice(1536)),
  };
  let offset = 7;
  for (const [frame, length] of lengths.entries()) {
    assert.deepEqual(partIn(facts, frame), { offset, length });
    offset += length;
  }
});

test('a frame that is not there, or that nothing is said of, is no frame', () => {
  const told = { frames: 2, pixels_at: 8, frame_bytes: 4 };
  for (const [facts, frame] of [
    [told, 2],
    [told, -1],
    [told, 0.5],
    [told, '0'],
    [{}, 0],
    [{ frames: 1 }, 0],
    [{ ...told, frames: 'many' }, 0],
    [{ ...told, frames: 2n ** 60n }, 0],
  ]) {
    assert.throws(() => partIn(facts, frame), InvalidValue);
  }
});

test('a place that is none is a lie', () => {
  const told = { frames: 2, pixels_at: 8 };
  for (const [facts, frame] of [
    [{ ...told, frame_bytes: 'many' }, 0],
    [{ ...told, frame_bytes: 2n ** 60n }, 1],
    [{ ...told, frame_bytes: true }, 0],
    [{ ...told, frame_bytes: SIZE }, 0],
    [{ ...told, frame_bytes: 4, pixels_at: 'here' }, 0],
    [{ ...told, frame_bytes: 4, pixels_at: 2n ** 63n }, 0],
    [{ ...told, frame_bytes: 4, pixels_at: SIZE }, 0],
    [{ ...told, frame_lengths_0: packed([4]) }, 1],
    [{ ...told, frame_lengths_0: '%' }, 0],
    [{ ...told, frame_lengths_0: 4 }, 0],
    [{ ...told, frames: 2 ** 52, frame_lengths_0: packed([4]) }, 2 ** 51],
    [{ ...told, frames: 2 ** 52, frame_bytes: 2 ** 40 }, 2 ** 51],
  ]) {
    assert.throws(() => partIn(facts, frame), Corrupted);
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
