import assert from 'node:assert/strict';
import test from 'node:test';

import { concat, utf8 } from '../bytes.js';
import { ChunkOpener } from '../cobblestone.js';
import { Corrupted, damaged } from '../errors.js';
import { expandSha512 } from '../keys.js';
import { SealedStream } from '../stream.js';

const refuse = damaged('test');
const KEY = { key: new Uint8Array(32).fill(7), context: utf8('context') };
const SALT = new Uint8Array(24).fill(9);

/** Seals plaintexts as the chunks with these numbers; gives the header and the chunks. */
async function seal(chunks) {
  const scheme = utf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0');
  const info = concat(scheme, SALT, KEY.context);
  const secret = await expandSha512(KEY.key, info, 76);
  const raw = secret.slice(0, 32);
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt']);
  const sealed = [];
  for (const [number, plain] of chunks) {
    const base = BigInt(`0x${Buffer.from(secret.slice(32, 44)).toString('hex')}`);
    const hex = (base ^ BigInt(number)).toString(16).padStart(24, '0');
    const how = { name: 'AES-GCM', iv: Buffer.from(hex, 'hex') };
    sealed.push(new Uint8Array(await crypto.subtle.encrypt(how, key, plain)));
  }
  return [concat(SALT, secret.slice(44)), concat(...sealed)];
}

/** Opens a stream of exactly these bytes. */
function open(header, chunks) {
  const bytes = concat(header, chunks);
  const read = async (offset, length) => bytes.slice(offset, offset + length);
  return SealedStream.open(read, 0, bytes.length, KEY, refuse);
}

test('a chunk opens under its number only, also beyond 2^32', async () => {
  const plain = utf8('far out');
  for (const number of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, 2 ** 37]) {
    const [header, sealed] = await seal([[number, plain]]);
    const chunks = await ChunkOpener.of(header, KEY);
    assert.deepEqual(await chunks.open(sealed, number, refuse), plain);
    for (const other of [number + 1, number + 2 ** 32]) {
      await assert.rejects(chunks.open(sealed, other, refuse), Corrupted);
    }
  }
});

test('a header fits one key and one context', async () => {
  const [header] = await seal([]);
  assert.ok(await ChunkOpener.of(header, KEY));
  const others = [
    { ...KEY, key: new Uint8Array(32) },
    { ...KEY, context: utf8('Context') },
    { ...KEY, context: utf8('context\0') },
  ];
  for (const other of others) assert.equal(await ChunkOpener.of(header, other), null);
});

test('a stream whose last chunk is cut is refused, whole and by range', async () => {
  const chunk = new Uint8Array(16384);
  new DataView(chunk.buffer).setUint32(4, 16376);
  const [header, sealed] = await seal([[0, chunk], [1, new Uint8Array(0)]]);
  assert.equal((await (await open(header, sealed)).range(16376, 0, 5)).length, 5);
  for (const bytes of [16400, 16401, 16415]) {
    const stream = await open(header, sealed.slice(0, bytes));
    const expected = { reason: 'its last chunk is cut' };
    await assert.rejects(stream.content(null).next(), expected);
    await assert.rejects(stream.range(16376, 0, 5), expected);
  }
});

test('a stream too short to say its length is refused', async () => {
  for (const length of [0, 7]) {
    const stream = await open(...(await seal([[0, new Uint8Array(length)]])));
    await assert.rejects(stream.content(null).next(), { reason: /too short/ });
  }
});
