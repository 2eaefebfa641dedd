import assert from 'node:assert/strict';
import test from 'node:test';

import { openRecord } from '../index.js';
import { fileKey, manifestKey } from '../keys.js';
import { padme, sealedSize } from '../sizes.js';
import { digest, good, INDEX, load, open, source, unhex, whole } from './vectors.js';

/** Meta of the index: integers are texts there. */
function exact(meta) {
  const shown = (value) => {
    if (typeof value !== 'object') return value;
    const number = Number(value.int);
    return Number.isSafeInteger(number) ? number : BigInt(value.int);
  };
  return new Map(Object.entries(meta).map(([key, value]) => [key, shown(value)]));
}

for (const vector of INDEX.good) {
  test(`a good record opens: ${vector.name}`, async () => {
    const record = await open(vector);
    assert.equal(record.manifest.kind, vector.kind);
    assert.deepEqual(record.manifest.meta, new Map());
    assert.equal(record.manifest.files.length, vector.files.length);
    for (const [index, entry] of vector.files.entries()) {
      const { name, offset, sealed: sealedBytes, size: sizeBytes } = entry;
      const expected = { name, offset, sealedBytes, sizeBytes, meta: exact(entry.meta) };
      assert.deepEqual(record.manifest.files[index], expected);
      const content = await whole(record.file(index));
      assert.equal(content.length, sizeBytes);
      assert.equal(digest(content), entry.sha256);
    }
  });
}

test('what the library sealed opens', async () => {
  for (const vector of load('envelope.json').frozen) {
    const bytes = unhex(vector.record);
    const record = await openRecord({
      read: async (offset, length) => bytes.subarray(offset, offset + length),
      size: bytes.length,
      cek: unhex(vector.cek),
      salt: unhex(vector.salt),
    });
    for (const [index, { sizeBytes }] of record.manifest.files.entries()) {
      const content = await whole(record.file(index));
      assert.equal(content.length, sizeBytes);
      assert.deepEqual(await record.range(index, 0, sizeBytes), content);
    }
  }
});

test('a large file comes in pieces of about 1 MiB', async () => {
  const asked = [];
  const record = await open(good('two-leaves'), asked);
  asked.length = 0;
  const lengths = [];
  for await (const piece of record.file(0)) lengths.push(piece.length);
  assert.deepEqual(lengths, [64 * 16384 - 8, 1]);
  assert.ok(asked.every(([, length]) => length <= 64 * 16400));
});

test('nothing is fetched for a file until its first piece is asked for', async () => {
  const asked = [];
  const record = await open(good('two-files'), asked);
  const before = asked.length;
  const pieces = record.file(0);
  assert.equal(asked.length, before);
  await pieces.next();
  assert.ok(asked.length > before);
});

test('a manifest cannot be changed', async () => {
  const { manifest } = await open(good('two-files'));
  assert.throws(() => manifest.files.push({}), TypeError);
  assert.throws(() => Object.assign(manifest.files[0], { offset: 1 }), TypeError);
});

test('keys may be overwritten once the record is open', async () => {
  const { record: bytes, ...rest } = source(good('two-files'));
  const read = async (offset, length) => bytes.subarray(offset, offset + length);
  const record = await openRecord({ read, ...rest });
  rest.cek.fill(0);
  rest.salt.fill(0);
  assert.equal(digest(await whole(record.file(1))), good('two-files').files[1].sha256);
});

test('sizes are those of the vectors', () => {
  for (const { length, padme: padded, sealed } of load('envelope.json').sizes) {
    assert.equal(padme(Number(length)), Number(padded));
    assert.equal(sealedSize(Number(length)), Number(sealed));
  }
});

test('keys of streams are those of the vectors', async () => {
  const { cek, salt, manifest, files } = load('envelope.json').keys;
  const shown = ({ key, context }) => ({ key: unhex(key), context: unhex(context) });
  assert.deepEqual(await manifestKey(unhex(cek), unhex(salt)), shown(manifest));
  for (const file of files) {
    assert.deepEqual(await fileKey(unhex(cek), unhex(salt), file.index), shown(file));
  }
});
