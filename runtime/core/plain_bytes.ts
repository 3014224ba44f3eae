/** What the language itself says a typed array is, whatever properties it was given. */
const { get: kindOf } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
) ?? {};

/**
 * Whether a value that a daemon hands over is an array of bytes and nothing but one: its length stays
 * what it is, and no code of the daemon's runs when it is measured or copied.
 */
export function isPlainBytes(value: unknown): value is Uint8Array {
  return kindOf?.call(value) === "Uint8Array" &&
    Object.getPrototypeOf(value) === Uint8Array.prototype &&
    !Object.hasOwn(value as object, "length") && !Object.hasOwn(value as object, "buffer");
}
