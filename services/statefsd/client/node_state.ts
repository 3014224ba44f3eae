import type { NodeState } from "@runtime/core/ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import type { OpenedState } from "./open_state.ts";
import { noteWitness, type Witness } from "./state_witness.ts";

/** State that a node holds until it lets go of it. */
export interface HeldState extends NodeState {
  /**
   * Notes outside the image how far it has come, and whose it is: an older one, and another device,
   * are refused from then on.
   */
  note(seen: Witness): void;
  /** Lets go of it, once what is under way there has ended. */
  close(): Promise<void>;
}

/** A state directory as a node boots on it. */
export function nodeStateOf(opened: OpenedState): HeldState {
  const { disk, recordKey, keystoreKey, imageId, folder, close } = opened;
  let noted = opened.witness;
  return {
    ...{ disk, imageId, close },
    sequenceMin: noted.sequence,
    deviceId: noted.deviceId,
    persists: true,
    note({ sequence, deviceId = noted.deviceId }) {
      if (sequence <= noted.sequence && deviceId === noted.deviceId) return;
      noted = { sequence: sequence > noted.sequence ? sequence : noted.sequence, deviceId };
      noteWitness(folder, noted);
    },
    recordKey: () => copyOf(recordKey),
    keystoreKey: () => copyOf(keystoreKey),
  };
}

function copyOf(key: Secret): Uint8Array<ArrayBuffer> {
  return key.use((bytes) => bytes.slice());
}
