/**
 * Opens sealed records of MediBloc, whole and by range, with WebCrypto and nothing else.
 * The format is docs/envelope-v1.md; this is a second implementation of its reading side.
 */

export { Corrupted, EnvelopeError, InvalidValue, ToolMissing, WrongKey } from './errors.js';
export { openRecord } from './record.js';

/**
 * @typedef {import('./manifest.js').Manifest} Manifest
 * @typedef {import('./manifest.js').ManifestEntry} ManifestEntry
 * @typedef {import('./record.js').OpenedRecord} OpenedRecord
 * @typedef {import('./stream.js').Read} Read
 */
