/**
 * What a Cap'n Proto message from outside may ask of its reader. Every bound is checked before the
 * memory or the time that it guards is spent.
 *
 * @module
 */

/** Bytes in a word, the unit of every size in a message. */
export const WORD_SIZE = 8;

/** Longest message, in bytes, segment table included. */
export const MESSAGE_LENGTH_MAX = 8 * 1024 * 1024;

/** Most segments. Upstream sends one, or two above 8168 bytes of payload; C++ allows 512. */
export const SEGMENT_COUNT_MAX = 8;

/** Deepest chain of pointers, the root pointer being the first. Equal to the C++ reader's. */
export const NESTING_MAX = 64;

/** Most elements of a list, lists of bytes excepted: those are bounded by the message itself. */
export const LIST_COUNT_MAX = 65_536;

/**
 * Words that a walk may visit beyond the words that the message has.
 *
 * A message that is a tree visits each of its words once; only elements without a size, which count
 * as a word each, need more.
 */
export const TRAVERSAL_SLACK_WORDS = 1_024;

/** Most payload bytes of a session `Frame`: 65519 bytes of plaintext less 32 of encoding, in words. */
export const FRAME_PAYLOAD_MAX = 65_480;
