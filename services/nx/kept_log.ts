import { SEGMENT_BYTES_MAX } from "../statefsd/client/log_segment.ts";
import type { StoredChain, StoredSegment } from "../statefsd/client/verify_chain.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type ControlClient, okReply } from "./shell.ts";

/** Segments that one reading takes, at most: four times what a ring keeps. */
export const SEGMENTS_READ_MAX = 256;
/** How often a segment is begun anew that was deleted while it was read. */
const ATTEMPTS_MAX = 4;
const WHAT = "log";

/** What a node answers about its kept log. */
export type KeptLogClient = Pick<ControlClient, "logSegment" | "logCheckpoint">;

/**
 * Reads a ring's chain as it lies on a node's disk.
 *
 * The checkpoint comes first: the chain grows meanwhile, and a newer signature would cover what was
 * not read.
 */
export async function readKeptLog(client: KeptLogClient, ring: number): Promise<StoredChain> {
  const checkpoint = await readCheckpoint(client, ring);
  const segments: StoredSegment[] = [];
  for (let from = 0n; segments.length < SEGMENTS_READ_MAX;) {
    const segment = await readSegment(client, ring, from);
    if (segment === undefined) break;
    segments.push(segment);
    from = segment.first + 1n;
  }
  return { ring, segments, checkpoint };
}

async function readCheckpoint(
  client: KeptLogClient,
  ring: number,
): Promise<Uint8Array | undefined> {
  const reply = await client.logCheckpoint({ ring });
  if (reply.status === "not_found") return undefined;
  return ok(reply).checkpoint.slice();
}

/** The first segment that begins with an entry or behind it; `undefined` behind the last one. */
async function readSegment(
  client: KeptLogClient,
  ring: number,
  from: bigint,
): Promise<StoredSegment | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const reply = await client.logSegment({ ring, from, offset: 0 });
    if (reply.status === "not_found") return undefined;
    const { first, length, chunk } = ok(reply);
    if (first < from || length > SEGMENT_BYTES_MAX) throw garbled();
    const value = await readRest(client, { ring, first, length, chunk });
    if (value !== undefined) return { first, value };
  }
  throw new CommandFailure(EXIT.failed, "the log changes faster than it can be read; try again");
}

/** A segment to the length that it had at first; `undefined` when it is there no more. */
async function readRest(
  client: KeptLogClient,
  { ring, first, length, chunk }: {
    readonly ring: number;
    readonly first: bigint;
    readonly length: number;
    readonly chunk: Uint8Array;
  },
): Promise<Uint8Array | undefined> {
  const value = new Uint8Array(length);
  let piece = chunk;
  for (let offset = 0; true;) {
    piece = piece.subarray(0, length - offset);
    value.set(piece, offset);
    offset += piece.length;
    if (offset === length) return value;
    if (piece.length === 0) throw garbled();
    const reply = await client.logSegment({ ring, from: first, offset });
    if (reply.status === "not_found") return undefined;
    const next = ok(reply);
    if (next.first !== first) return undefined;
    piece = next.chunk;
  }
}

/** A node that has no disk keeps no log: that is no failure of the question. */
function ok<R extends { readonly status: string }>(reply: R) {
  if (reply.status === "unavailable") {
    throw new CommandFailure(EXIT.failed, "the node keeps no log: it has no /state");
  }
  return okReply(reply, WHAT);
}

function garbled(): CommandFailure {
  return new CommandFailure(EXIT.failed, "the node's answer makes no sense; see its console");
}
