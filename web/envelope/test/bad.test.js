import assert from 'node:assert/strict';
import test from 'node:test';

import * as envelope from '../index.js';
import { INDEX, open, whole } from './vectors.js';

for (const vector of INDEX.bad) {
  test(`${vector.kind}: ${vector.name} is ${vector.error}`, async () => {
    if (vector.step === 'manifest') {
      await assert.rejects(open(vector), error(vector.error));
      return;
    }
    const record = await open(vector);
    const { files } = record.manifest;
    assert.ok(vector.opens.length < files.length);
    for (const index of files.keys()) {
      if (vector.opens.includes(index)) {
        assert.equal((await whole(record.file(index))).length, files[index].sizeBytes);
      } else {
        await assert.rejects(whole(record.file(index)), error(vector.error, files[index].name));
      }
    }
  });
}

for (const vector of INDEX.bad.filter(({ step }) => step === 'file')) {
  test(`${vector.kind}: ${vector.name}, by range`, async () => {
    assert.ok(vector.ranges.length);
    for (const { file, offset, length, opens } of vector.ranges) {
      const record = await open(vector);
      const range = record.range(file, offset, length);
      if (opens) assert.equal((await range).length, length);
      else await assert.rejects(range, error('Corrupted', record.manifest.files[file].name));
    }
  });
}

/**
 * Tells whether an error is of this class, and says what and why.
 * @param {string} name
 * @param {string} [what]
 */
function error(name, what) {
  return (given) => {
    assert.ok(given instanceof envelope[name], `${given.name} instead of ${name}`);
    assert.ok(given instanceof envelope.EnvelopeError);
    assert.equal(given.name, name);
    assert.ok(given.reason);
    assert.ok(given.message.endsWith('.'));
    if (what) assert.equal(given.what, what);
    return true;
  };
}
