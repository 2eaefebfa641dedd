import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

import * as envelope from '../index.js';

const FOLDER = new URL('../', import.meta.url);
const MODULES = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));

test('the reader leans on nothing but the web platform and itself', () => {
  assert.ok(MODULES.includes('record.js'));
  for (const name of MODULES) {
    const code = readFileSync(new URL(name, FOLDER), 'utf8');
    for (const [, from] of code.matchAll(/\bfrom '([^']+)'/g)) assert.match(from, /^\.\/\w+\.js$/);
    assert.doesNotMatch(code, /\b(require|process|Buffer|__dirname)\b|node:/, name);
  }
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(new URL('package.json', FOLDER), 'utf8'),
  );
  assert.equal(dependencies ?? devDependencies, undefined);
});

test('what is public is what is said', () => {
  const errors = ['Corrupted', 'EnvelopeError', 'InvalidValue', 'ToolMissing', 'WrongKey'];
  assert.deepEqual(Object.keys(envelope).sort(), [...errors, 'openRecord']);
});
