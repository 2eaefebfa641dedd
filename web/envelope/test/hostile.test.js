import assert from 'node:assert/strict';
import test from 'node:test';

import { Corrupted, InvalidValue, openRecord, ToolMissing, WrongKey } from '../index.js';
import { digest, good, source, whole } from './vectors.js';

const TWO = good('two-files');
const { record: RECORD, ...KEYS } = source(TWO);

/** @param {(bytes: Uint8Array, offset: number, length: number) => unknown} change */
function lying(change) {
  const read = async (offset, length) => {
    return change(RECORD.slice(offset, offset + length), offset, length);
  };
  return openRecord({ read, ...KEYS });
}

const longer = (bytes) => new Uint8Array([...bytes, 0]);
const LIES = {
  'a byte less': (bytes) => bytes.subarray(1),
  'a byte more': longer,
  'all there is': () => RECORD,
  nothing: () => new Uint8Array(0),
  'no answer': () => undefined,
  null: () => null,
  'a text': (bytes) => String.fromCharCode(...bytes),
  'a list': (bytes) => [...bytes],
  'a buffer': (bytes) => bytes.buffer,
  'wider numbers': (bytes) => new Uint16Array(bytes),
};

for (const [name, change] of Object.entries(LIES)) {
  test(`a store that gives ${name} is noticed at the manifest`, async () => {
    await assert.rejects(lying(change), { name: 'Corrupted', reason: /the store did not give/ });
  });

  test(`a store that gives ${name} is noticed at a file`, async () => {
    let honest = true;
    const record = await lying((bytes, ...rest) => (honest ? bytes : change(bytes, ...rest)));
    honest = false;
    const expected = { name: 'Corrupted', reason: /the store did not give/ };
    await assert.rejects(whole(record.file(0)), expected);
    await assert.rejects(record.range(0, 0, 10), expected);
  });
}

test('wrong bytes of the right length are noticed, wherever they are', async () => {
  for (let at = 0; at < RECORD.length; at++) {
    const flip = (bytes, offset) => {
      if (at >= offset && at < offset + bytes.length) bytes[at - offset] ^= 0x80;
      return bytes;
    };
    await assert.rejects(async () => {
      const record = await lying(flip);
      for (const index of [0, 1]) await whole(record.file(index));
    }, Corrupted);
  }
});

test('bytes of another place are noticed', async () => {
  const elsewhere = (_, offset, length) => {
    const at = offset === 0 ? 0 : offset - 1;
    return RECORD.slice(at, at + length);
  };
  await assert.rejects(lying(elsewhere), Corrupted);
});

test('a store that changes its mind is noticed', async () => {
  let asked = 0;
  const record = await lying((bytes, offset) => {
    // Right at first, and then the bytes of the other file.
    const late = offset < 184 && asked++ >= 2;
    return late ? RECORD.slice(offset + 184, offset + 184 + bytes.length) : bytes;
  });
  assert.equal(digest(await whole(record.file(0))), TWO.files[0].sha256);
  await assert.rejects(whole(record.file(0)), Corrupted);
});

test('random bytes are refused as damaged or as of another key', async () => {
  for (let length = 0; length < 400; length += 7) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    const read = async (offset, wanted) => bytes.slice(offset, offset + wanted);
    const opening = openRecord({ ...KEYS, read, size: length });
    const refused = (error) => error instanceof Corrupted || error instanceof WrongKey;
    await assert.rejects(opening, refused);
  }
});

test('a record that is said to be longer or shorter than it is is refused', async () => {
  for (const size of [0, 8, 167, KEYS.size - 1, KEYS.size + 1, 2 ** 53 - 1]) {
    const read = async (offset, length) => RECORD.slice(offset, offset + length);
    await assert.rejects(openRecord({ ...KEYS, read, size }), Corrupted);
  }
});

test('a record too short for a manifest is refused unread', async () => {
  const read = () => assert.fail('it was read');
  for (const size of [0, 8, 167]) {
    await assert.rejects(openRecord({ ...KEYS, read, size }), { reason: 'it is too short' });
  }
});

test('a manifest said to be larger than any is not fetched', async () => {
  const asked = [];
  const size = 2 ** 50;
  const read = async (offset, length) => {
    asked.push([offset, length]);
    if (offset < RECORD.length) return RECORD.slice(offset, offset + length);
    return Uint8Array.of(0, 0, 0, 0, 0x40, 0, 0, 0);
  };
  const expected = { name: 'Corrupted', reason: 'its manifest is not where it should be' };
  await assert.rejects(openRecord({ ...KEYS, read, size }), expected);
  assert.deepEqual(asked, [[size - 8, 8], [0, 56]]);
});

test("what an honest store throws passes, at the manifest and at a file's bytes", async () => {
  const gone = new Error('the store is gone');
  await assert.rejects(
    lying(() => {
      throw gone;
    }),
    gone,
  );
  let honest = true;
  const record = await lying((bytes) => {
    if (!honest) throw gone;
    return bytes;
  });
  honest = false;
  await assert.rejects(record.range(1, 0, 1), gone);
  honest = true;
  // A failure is not remembered.
  assert.equal((await record.range(1, 0, 100)).length, 100);
});

test('keys and sizes that are none are refused before anything is read', async () => {
  const read = () => assert.fail('it was read');
  for (const name of ['cek', 'salt']) {
    for (const value of [undefined, 'x'.repeat(32), new Uint8Array(31), new Uint8Array(33), []]) {
      await assert.rejects(openRecord({ ...KEYS, read, [name]: value }), InvalidValue);
    }
  }
  for (const size of [-1, 1.5, NaN, Infinity, 2 ** 53, '608', undefined]) {
    await assert.rejects(openRecord({ ...KEYS, read, size }), InvalidValue);
  }
});

test('a page without WebCrypto is told so', async (context) => {
  context.mock.getter(globalThis, 'crypto', () => undefined);
  await assert.rejects(lying((bytes) => bytes), ToolMissing);
});
