import { decodeKeyFile, encodeKeyFile } from "@services/statefsd/client/record_key.ts";
import {
  decodeFacts,
  encodeFacts,
  SECTORS_MAX,
  SECTORS_MIN,
  type StateFacts,
} from "@services/statefsd/client/state_facts.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** A state directory's facts and key file: read as they were written, and in no other form. */
export const name = "state_facts";

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const facts = chosenFacts(choices);
  const bytes = encodeFacts(facts);
  deepEqual(decodeFacts(bytes), facts);
  replay(choices.damaged(bytes));
  const file = new TextEncoder().encode("0123456789abcdef".repeat(4) + "\n");
  replay(choices.damaged(file.subarray(0, choices.between(60, 65))));
}

export function replay(bytes: Uint8Array): void {
  const facts = parsedOrRefused(bytes, decodeFacts);
  if (facts !== undefined) deepEqual(encodeFacts(facts), bytes.slice());
  const key = parsedOrRefused(bytes, decodeKeyFile);
  if (key === undefined) return;
  ok(key.length === 32);
  deepEqual(encodeKeyFile(key).subarray(0, 64), bytes.slice(0, 64));
}

function chosenFacts(choices: Choices): StateFacts {
  const lanes = choices.between(1, 16);
  return {
    rekeys: choices.below(1_000_000_000),
    sectorCount: choices.between(SECTORS_MIN, SECTORS_MAX),
    keystore: choices.bytes(72),
    imageId: choices.oneIn(3) ? undefined : choices.bytes(16),
    check: choices.bytes(16),
    key: choices.oneIn(2) ? { kind: "file" } : {
      kind: "passphrase",
      cost: {
        memoryKiB: choices.between(8 * lanes, 65_536),
        passes: choices.between(1, 16),
        lanes,
      },
      salt: choices.bytes(16),
    },
  };
}
