/**
 * Bytes that a text takes as UTF-8, without making them: a call of the platform's encoder costs more
 * than to look at the letters of a short text.
 *
 * A lone surrogate counts as U+FFFD, which is what `TextEncoder` writes in its place.
 *
 * Source: Encoding Standard, "UTF-8 encoder"; RFC 3629, "UTF-8 definition".
 */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (isHigh(unit) && isLow(text.charCodeAt(index + 1))) {
      // Two units are four bytes.
      length += 2;
      index += 1;
    } else length += 2;
  }
  return length;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
