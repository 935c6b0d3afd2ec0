/** JSON from people whom nobody trusts. */

/**
 * Throws `input.invalid` for invalid UTF-8, duplicate keys, `__proto__`, more than 16 levels, numbers that do not
 * fit, lone surrogates and whatever JSON.parse refuses.
 */
export declare const parseStrictJson: (bytes: Uint8Array) => unknown
