import { InvalidArgumentError } from "commander";

const SIZE = /^(\d{1,16})(KiB|MiB|GiB)?$/;
const UNIT_BYTES: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Bytes of a size such as `65536`, `64KiB` or `1GiB`; `undefined` for what is none. */
export function parseBytes(text: string): number | undefined {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * (unit === undefined ? 1 : UNIT_BYTES[unit] ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads a size of any number of bytes. */
export function bytesOption(text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError("It is no size such as 65536, 64KiB or 1MiB, below 8192 TiB.");
}
