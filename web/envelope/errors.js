/** What can go wrong; the classes have the names that they have in Python. */

/** The root of all. */
export class EnvelopeError extends Error {
  /** @param {string} message what happened, why, and what to do */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** Sealed bytes were changed, cut, extended or moved. */
export class Corrupted extends EnvelopeError {
  /**
   * @param {string} what the damaged thing: the sealed record, or the name of a file
   * @param {string} reason why it is taken for damaged
   */
  constructor(what, reason) {
    super(
      `${what} is damaged: ${reason}. ` +
        'Fetch it again, from another store if need be; do not use what was read.',
    );
    this.what = what;
    this.reason = reason;
  }
}

/** The key is not the one this was sealed for. */
export class WrongKey extends EnvelopeError {
  /** @param {string} what what was not sealed for this key */
  constructor(what) {
    super(
      `This ${what} was not sealed for the key that was used. ` +
        'Use the account it was made for; the data itself is not damaged.',
    );
    this.what = what;
    this.reason = 'its key commitment does not hold';
  }
}

/** An argument outside what is allowed. */
export class InvalidValue extends EnvelopeError {
  /**
   * @param {string} what the argument
   * @param {unknown} given
   * @param {string} allowed
   */
  constructor(what, given, allowed) {
    super(`${what} is ${given}; it must be ${allowed}. Give another value.`);
    this.what = what;
    this.given = given;
    this.allowed = allowed;
    this.reason = `it must be ${allowed}`;
  }
}

/** WebCrypto is not there. */
export class ToolMissing extends EnvelopeError {
  constructor() {
    super(
      'WebCrypto was not found: browsers have it on pages that came over HTTPS, Node has it ' +
        'from version 20. Serve the page over HTTPS or from localhost.',
    );
    this.what = 'WebCrypto';
    this.reason = 'crypto.subtle is not defined';
  }
}

/**
 * Makes the error for whatever does not hold.
 * @callback Refusal
 * @param {string} reason
 * @returns {EnvelopeError}
 */

/**
 * Makes refusals of one damaged thing.
 * @param {string} what
 * @returns {Refusal}
 */
export function damaged(what) {
  return (reason) => new Corrupted(what, reason);
}
