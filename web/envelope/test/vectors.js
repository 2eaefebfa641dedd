/** The frozen records of tests/vectors, and a store in memory that notes what it is asked for. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { openRecord } from '../index.js';

const VECTORS = new URL('../../../tests/vectors/', import.meta.url);

/** @param {string} path */
export function load(path) {
  return JSON.parse(readFileSync(new URL(path, VECTORS), 'utf8'));
}

/** @param {string} hex */
export function unhex(hex) {
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'));
}

export const INDEX = load('envelope/index.json');

/** @param {string} name of a good record */
export function good(name) {
  return INDEX.good.find((each) => each.name === name);
}

/**
 * A record, and the keys that a reader is given.
 * @param {{path: string, cek?: string, salt?: string}} vector
 */
export function source(vector) {
  const record = new Uint8Array(readFileSync(new URL(`envelope/${vector.path}`, VECTORS)));
  const { cek = INDEX.cek, salt = INDEX.salt } = vector;
  return { record, size: record.length, cek: unhex(cek), salt: unhex(salt) };
}

/**
 * Opens a vector.
 * @param {{path: string, cek?: string, salt?: string}} vector
 * @param {[number, number][]} [asked] gets every offset and length that is read
 */
export async function open(vector, asked = []) {
  const { record, ...rest } = source(vector);
  const read = async (offset, length) => {
    assert.ok(offset >= 0 && length > 0 && offset + length <= record.length);
    asked.push([offset, length]);
    return record.subarray(offset, offset + length);
  };
  return openRecord({ read, ...rest });
}

/** @param {AsyncIterable<Uint8Array>} pieces */
export async function whole(pieces) {
  const parts = [];
  for await (const piece of pieces) parts.push(piece);
  return new Uint8Array(Buffer.concat(parts));
}

/** @param {Uint8Array} data */
export function digest(data) {
  return `0x${createHash('sha256').update(data).digest('hex')}`;
}
