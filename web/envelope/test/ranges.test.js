import assert from 'node:assert/strict';
import test from 'node:test';

import { InvalidValue } from '../index.js';
import { good, open, whole } from './vectors.js';

/** Ranges at every border there is: of the file, of its chunks, one byte around each. */
function rangesOf(size) {
  const borders = new Set([0, 1, 2, Math.floor(size / 2), size - 1, size]);
  const chunks = Math.floor(size / 16384);
  for (const chunk of [1, 2, 3, chunks, chunks + 1]) {
    for (const over of [-1, 0, 1]) borders.add(chunk * 16384 - 8 + over);
  }
  const places = [...borders].filter((at) => at >= 0 && at <= size).sort((a, b) => a - b);
  return places.flatMap((start) =>
    places.filter((end) => end >= start).map((end) => [start, end - start]),
  );
}

for (const name of ['two-files', 'one-empty-file', 'chunk-borders', 'two-leaves']) {
  test(`every kind of range of ${name} opens`, async () => {
    const record = await open(good(name));
    for (const [index, { sizeBytes }] of record.manifest.files.entries()) {
      const content = await whole(record.file(index));
      for (const [offset, length] of rangesOf(sizeBytes)) {
        const range = await record.range(index, offset, length);
        assert.ok(Buffer.from(range).equals(content.subarray(offset, offset + length)));
      }
    }
  });
}

test('only the chunks that hold a range are fetched', async () => {
  const asked = [];
  const record = await open(good('two-leaves'), asked);
  const chunks = async (offset, length) => {
    asked.length = 0;
    await record.range(0, offset, length);
    return asked.slice();
  };
  const chunk = (number) => 56 + number * 16400;
  assert.deepEqual(await chunks(0, 1), [[0, 56], [chunk(0), 16400]]);
  assert.deepEqual(await chunks(16375, 1), [[chunk(0), 16400]]);
  assert.deepEqual(await chunks(16376, 1), [[chunk(1), 16400]]);
  assert.deepEqual(await chunks(16375, 2), [[chunk(0), 2 * 16400]]);
  assert.deepEqual(await chunks(500_000, 16384), [[chunk(30), 2 * 16400]]);
  assert.deepEqual(await chunks(1_048_568, 1), [[chunk(64), 16400]]);
  assert.deepEqual(await chunks(777, 0), []);
});

test('the last chunk of a stream is fetched as short as it is', async () => {
  const asked = [];
  const vector = good('chunk-borders');
  const record = await open(vector, asked);
  asked.length = 0;
  await record.range(2, 16376, 1);
  const { offset, sealed } = vector.files[2];
  assert.deepEqual(asked.at(-1), [offset + 56 + 16400, sealed - 56 - 16400]);
});

test('a range outside of the file is refused, and nothing is fetched for it', async () => {
  const asked = [];
  const record = await open(good('two-files'), asked);
  const before = asked.length;
  const outside = [
    ...[[0, 101], [100, 1], [101, 0], [-1, 2], [0, -1], [5, -5]],
    ...[[0.5, 1], [0, 1.5], [NaN, 1], [0, Infinity], [2 ** 53, 1], ['0', 1], [0n, 1n]],
  ];
  for (const [offset, length] of outside) {
    await assert.rejects(record.range(0, offset, length), InvalidValue, `${offset} ${length}`);
  }
  assert.equal(asked.length, before);
});

test('a file that is not there is refused at once', async () => {
  const record = await open(good('two-files'));
  for (const index of [-1, 2, 0.5, NaN, '0', undefined]) {
    assert.throws(() => record.file(index), InvalidValue);
    await assert.rejects(record.range(index, 0, 1), InvalidValue);
  }
});

test('ranges may be asked for side by side', async () => {
  const record = await open(good('two-leaves'));
  const content = await whole(record.file(0));
  const places = Array.from({ length: 40 }, (_, at) => at * 26_000);
  const parts = await Promise.all(places.map((offset) => record.range(0, offset, 1_000)));
  for (const [at, part] of parts.entries()) {
    assert.ok(Buffer.from(part).equals(content.subarray(places[at], places[at] + 1_000)));
  }
});
