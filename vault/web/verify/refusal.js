// @ts-check
/** Why something is not proven. */

export class Refusal extends Error {
  /**
   * @param {string} code  what refused, a point, and why: `note.signature`; the words are in `why.` of each table
   * @param {Record<string, string | number>} [values]
   */
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/**
 * @param {unknown} holds
 * @param {string} code
 * @param {Record<string, string | number>} [values]
 * @returns {asserts holds}
 */
export function require(holds, code, values) {
  if (!holds) throw new Refusal(code, values);
}
