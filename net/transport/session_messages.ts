/**
 * What a session's records hold: the connect exchange, then frames.
 *
 * Source: session-wire, "Connect exchange" and "Host records and the Cap'n Proto layer".
 *
 * @module
 */

import { createStructCodec } from "@runtime/capnp/codec.ts";
import { dsoftbusSchema } from "@runtime/capnp/declarations.ts";

/** The initiator's first record: which device it says it is. */
export const connectRequest = createStructCodec(dsoftbusSchema, "ConnectRequest");
/** The responder's first record: whether it believes that. */
export const connectResponse = createStructCodec(dsoftbusSchema, "ConnectResponse");

export { decodeFrame, encodeFrame, frameLength } from "@runtime/capnp/frame.ts";
