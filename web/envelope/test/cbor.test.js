import assert from 'node:assert/strict';
import test from 'node:test';

import { decode, Float } from '../cbor.js';
import { Corrupted, damaged } from '../errors.js';

const read = (hex) => decode(new Uint8Array(Buffer.from(hex, 'hex')), damaged('test'));

// What RFC 8949, appendix A, gives as examples and DAG-CBOR allows.
const EXAMPLES = [
  ...[['00', 0], ['17', 23], ['1818', 24], ['18ff', 255], ['190100', 256], ['19ffff', 65535]],
  ...[['1a00010000', 65536], ['1affffffff', 2 ** 32 - 1], ['1b0000000100000000', 2 ** 32]],
  ...[['1b001fffffffffffff', 2 ** 53 - 1], ['1b0020000000000000', 2n ** 53n]],
  ...[['1bffffffffffffffff', 2n ** 64n - 1n], ['20', -1], ['37', -24], ['3818', -25]],
  ...[['3b001ffffffffffffe', -(2 ** 53 - 1)], ['3b001fffffffffffff', -(2n ** 53n)]],
  ...[['3bffffffffffffffff', -(2n ** 64n)], ['f4', false], ['f5', true], ['f6', null]],
  ...[['60', ''], ['6161', 'a'], ['62c3bc', 'ü'], ['63e6b0b4', '水'], ['64f0908591', '𐅑']],
  ...[['63efbbbf', '\ufeff'], ['40', new Uint8Array(0)], ['4401020304', Uint8Array.of(1, 2, 3, 4)]],
  ...[['80', []], ['83010203', [1, 2, 3]], ['8201820203', [1, [2, 3]]], ['a0', new Map()]],
  ['a26161016162820203', new Map([['a', 1], ['b', [2, 3]]])],
  ['a3616101616202626161f6', new Map([['a', 1], ['b', 2], ['aa', null]])],
  ['fb3ff8000000000000', new Float(1.5)],
];

for (const [hex, value] of EXAMPLES) {
  test(`reads ${hex}`, () => assert.deepEqual(read(hex), value));
}

const REFUSED = {
  'nothing at all': '',
  'bytes after the end': '0000',
  'an integer of 8 bits that fits the head': '1817',
  'an integer of 16 bits that fits 8': '1900ff',
  'an integer of 32 bits that fits 16': '1a0000ffff',
  'an integer of 64 bits that fits 32': '1b00000000ffffffff',
  'a negative integer longer than needed': '3817',
  'a cut integer': '19ff',
  'a head that is not assigned': '1c',
  'a length of no end': '5f4100ff',
  'a list of no end': '9f01ff',
  'a map of no end': 'bfff',
  'a text that is cut': '6361',
  'a text that is no UTF-8': '61ff',
  'a text with an overlong letter': '62c080',
  'a text with half a surrogate pair': '63eda080',
  'bytes that are cut': '4201',
  'a list that is cut': '8201',
  'a list of 2^64 items': '9bffffffffffffffff',
  'a map that is cut': 'a16161',
  'a key that is a number': 'a10101',
  'a key that is bytes': 'a1416101',
  'a key twice': 'a2616101616102',
  'keys in another order': 'a2616201616101',
  'a longer key first': 'a262616101616202',
  'a float of 16 bits': 'f93c00',
  'a float of 32 bits': 'fa3fc00000',
  'a float that is no number': 'fb7ff8000000000000',
  'a float without end': 'fb7ff0000000000000',
  undefined: 'f7',
  'a simple value': 'e0',
  'a simple value of two bytes': 'f820',
  'a stop': 'ff',
  'a date': 'c074323031332d30332d32315432303a30343a30305a',
  'a link': 'd82a4101',
  'lists in lists without end': '81'.repeat(100_000),
};

for (const [name, hex] of Object.entries(REFUSED)) {
  test(`refuses ${name}`, () => assert.throws(() => read(hex), Corrupted));
}

test('any bytes are read or refused, and nothing else happens', () => {
  for (let round = 0; round < 20_000; round++) {
    const data = crypto.getRandomValues(new Uint8Array(round % 24));
    try {
      decode(data, damaged('test'));
    } catch (error) {
      assert.ok(error instanceof Corrupted);
    }
  }
});
