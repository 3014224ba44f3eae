import { assert } from "@runtime/core/assert.ts";
import type { EntropySource, NodeState } from "@runtime/core/ports.ts";
import { RamDisk } from "../device/ram_disk.ts";

/** Sectors of the disk: 1 MiB, of which memory holds what was written. */
const SECTOR_COUNT = 0x800;
const KEY_LENGTH = 32;

/** State of a node that has no place of its own: it ends with the node, and so do its keys. */
export function ramState(entropy: EntropySource): NodeState {
  const [record, keystore] = [drawn(entropy), drawn(entropy)];
  return {
    disk: new RamDisk(SECTOR_COUNT),
    persists: false,
    recordKey: () => record.slice(),
    keystoreKey: () => keystore.slice(),
  };
}

function drawn(entropy: EntropySource): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(KEY_LENGTH);
  assert(entropy.fill(key) === KEY_LENGTH, "the host has entropy");
  return key;
}
