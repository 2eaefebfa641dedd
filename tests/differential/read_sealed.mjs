/**
 * Reads what test_sealed_records.py drew with the reader in JavaScript: a JSON file in, JSON out.
 *
 * A manifest gives the end of its last file, or null. A record gives, for every file, range and
 * frame, the hash of what it opened to, or the name of the error.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { damaged } from '../../web/envelope/errors.js';
import { EnvelopeError, openRecord } from '../../web/envelope/index.js';
import { decodeManifest } from '../../web/envelope/manifest.js';

const unhex = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));

function endOf({ manifest, end }) {
  try {
    const { files } = decodeManifest(unhex(manifest), end, damaged('the manifest'));
    return files.at(-1).offset + files.at(-1).sealedBytes;
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    // Python knows the end only of what it takes: this one is well made as far as it goes.
    return error.reason.includes('do not end where') ? 'taken' : null;
  }
}

async function outcome(opening) {
  try {
    const digest = createHash('sha256');
    for await (const piece of await opening()) digest.update(piece);
    return digest.digest('hex');
  } catch (error) {
    if (error instanceof EnvelopeError) return error.name;
    throw error;
  }
}

async function outcomes({ record, cek, salt, ranges, frames }) {
  const bytes = unhex(record);
  const read = async (offset, length) => bytes.slice(offset, offset + length);
  let opened;
  try {
    opened = await openRecord({ read, size: bytes.length, cek: unhex(cek), salt: unhex(salt) });
  } catch (error) {
    if (error instanceof EnvelopeError) return error.name;
    throw error;
  }
  const files = [];
  for (const index of opened.manifest.files.keys()) {
    files.push(await outcome(() => opened.file(index)));
  }
  const parts = [];
  for (const range of ranges) {
    parts.push(await outcome(async () => [await opened.range(...range)]));
  }
  if (!frames) return { files, ranges: parts };
  const shown = [];
  for (const frame of frames) {
    shown.push(await outcome(async () => [await opened.frame(...frame)]));
  }
  return { files, ranges: parts, frames: shown };
}

const { manifests, records } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const answers = { manifests: manifests.map(endOf), records: [] };
for (const record of records) answers.records.push(await outcomes(record));
console.log(JSON.stringify(answers));
