import { InvalidArgumentError, Option } from "commander";
import { type Isolation, ISOLATIONS } from "@runtime/boot/placement.ts";
import type { HostAddress } from "@runtime/core/ports.ts";
import { AddressError, parseHostPort, parsePeer, parsePort, type PeerAddress } from "./address.ts";
import { WAIT_MAX_MS } from "../controld/protocol.ts";
import { DIALS_MAX } from "../dsoftbusd/protocol.ts";
import { parseDuration } from "./duration.ts";
import { DRAFT_LENGTH_MAX } from "./node_reach.ts";

const DRAFT = /^[a-z0-9-]+$/;
/** Longest seed, in characters. */
export const SEED_LENGTH_MAX = 256;

/** Reads `--listen`. */
export function listenOption(text: string): HostAddress {
  return addressed(() => parseHostPort(text, 0));
}

/** Reads `--advertise`. */
export function portOption(text: string): number {
  return addressed(() => parsePort(text, 1));
}

/** Reads one more `--peer`. */
export function peerOption(
  text: string,
  before: readonly PeerAddress[] = [],
): readonly PeerAddress[] {
  if (before.length >= DIALS_MAX) {
    throw new InvalidArgumentError(`More than ${DIALS_MAX} peers are not dialled.`);
  }
  return [...before, addressed(() => parsePeer(text))];
}

/** Reads a duration, in milliseconds; 0 is no limit. */
export function durationOption(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw new InvalidArgumentError("A duration is like 90, 190s, 1ms or 2m; 0 is no limit.");
  }
  return ms;
}

/** Reads how long to wait for an answer of a node, in milliseconds. */
export function waitOption(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1 || ms > WAIT_MAX_MS) {
    throw new InvalidArgumentError(`It is not a duration from 1ms to ${WAIT_MAX_MS / 1_000}s.`);
  }
  return ms;
}

/** Reads `--until`: the line of a console, which is never empty. */
export function untilOption(text: string): string {
  if (text === "") throw new InvalidArgumentError("A console shows no empty line.");
  return text;
}

/** Where daemons live unless it is said. */
export const ISOLATION_DEFAULT: Isolation = "secrets";

/** `--isolation`. */
export function isolationOption(): Option {
  const text = "which daemons share a heap: none, those without secrets, or all";
  return new Option("--isolation <placement>", text).choices(ISOLATIONS).default(ISOLATION_DEFAULT);
}

/** Reads `--draft`. */
export function draftOption(text: string): string {
  if (!DRAFT.test(text) || text.length > DRAFT_LENGTH_MAX) {
    throw new InvalidArgumentError("It is no name of a socket.");
  }
  return text;
}

/** Reads `--seed`. */
export function seedOption(text: string): string {
  if (text.length < 1 || text.length > SEED_LENGTH_MAX) {
    throw new InvalidArgumentError(`A seed has 1 to ${SEED_LENGTH_MAX} characters.`);
  }
  return text;
}

function addressed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError) {
      throw new InvalidArgumentError(`That cannot be used: ${error.message}.`);
    }
    throw error;
  }
}
