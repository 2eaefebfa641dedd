import assert from 'node:assert/strict';
import test from 'node:test';

import { fold, whyNamesFail } from '../names.js';
import { load } from './vectors.js';

const TABLE = Object.entries(load('envelope/folding.json').fold);

test('letters are equal after folding exactly when the table makes them equal', () => {
  assert.equal(TABLE.length, 1530);
  const texts = new Set(TABLE.flat());
  for (const letter of 'ıiIİkK\u212aſß.0 \u0307') texts.add(letter);
  const table = new Map(TABLE);
  const folded = (text) => Array.from(text, (letter) => table.get(letter) ?? letter).join('');
  const ours = new Map();
  const theirs = new Map();
  for (const text of texts) {
    const [mine, expected] = [fold(text), folded(text)];
    assert.equal(ours.get(mine) ?? expected, expected, `${text} meets another`);
    assert.equal(theirs.get(expected) ?? mine, mine, `${text} does not meet another`);
    ours.set(mine, expected);
    theirs.set(expected, mine);
  }
});

test('a fold looks at no neighbours', () => {
  assert.equal(fold('ΑΣ'), fold('ας'));
  assert.equal(fold('ΑΣΑ'), fold('ασα'));
  assert.equal(fold('STRASSE'), fold('straße'));
  assert.notEqual(fold('ı'), fold('I'));
});

test('what Unicode has not assigned, or gave no case, stays', () => {
  for (const text of ['', '0123 .', '水', '🩻', '\u{10ffff}']) assert.equal(fold(text), text);
});

const GOOD = ['a', 'a/b/c', '.hidden', 'a b', 'console', 'com10', 'x'.repeat(255), 'série/図.dcm'];
for (const name of GOOD) {
  test(`${name} is a name`, () => assert.equal(whyNamesFail([name]), ''));
}

const BAD = [
  ...['', '.', '..', '/', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a\\b', 'c:a', 'a\0b', 'a\x7f'],
  ...['a*', 'a?', 'a"', 'a|', '<a>', 'a\u061c', 'a\u200b', 'a\u202e', 'a\u2066', '\ufeffa'],
  ...['a\ud800', '\udc00', 'NUL', 'con.dcm', 'a/lpt1', 'a.', 'a ', 'a./b', 'x'.repeat(256)],
  ...['é'.repeat(128), Array(6).fill('x'.repeat(200)).join('/'), Array(17).fill('a').join('/')],
];
for (const name of BAD) {
  test(`${JSON.stringify(name)} is no name`, () => {
    assert.equal(whyNamesFail(['ok', name]), 'the name of a file is not a plain relative path');
  });
}

const MEETING = [
  ...[['a', 'a'], ['a', 'A'], ['é', 'e\u0301'], ['ß', 'SS'], ['ﬆ', 'ST'], ['ᏸ', 'Ᏸ'], ['ꭰ', 'Ꭰ']],
  ...[['a', 'a/b'], ['a/b', 'A']],
];
for (const names of MEETING) {
  test(`${names.join(' and ')} meet`, () => assert.notEqual(whyNamesFail(names), ''));
}
