import type { EntropyDevice } from "@hw/driver/virtio_rng.ts";
import type { Expiry } from "@hw/driver/expiry.ts";
import { type HealthFailure, PROPORTION_CUTOFF, REPETITION_CUTOFF } from "./health.ts";
import type { EntropySource, SourcePorts } from "./source.ts";

/** A sequence of which the last byte, and no earlier one, trips a test. */
interface KnownAnswer {
  readonly trips: HealthFailure;
  readonly bytes: Uint8Array;
}

/** One value again and again, and two in turn, of which the first comes often enough at last. */
const KNOWN_ANSWERS: readonly KnownAnswer[] = [
  { trips: "repetition", bytes: new Uint8Array(REPETITION_CUTOFF).fill(0xa5) },
  {
    trips: "proportion",
    bytes: Uint8Array.from({ length: 2 * PROPORTION_CUTOFF - 1 }, (_, index) => index % 2),
  },
];
/** A byte that no known answer holds: by itself it trips nothing. */
const HEALTHY = 0x3c;

/** Makes a source with health tests of its own. */
export type MakeSource = (ports: SourcePorts) => Pick<EntropySource, "draw">;

/**
 * Whether the health tests work, asked before the first byte of the device is judged: each known
 * answer is refused at its last byte and not before, however reads cut it, and nothing is handed out
 * behind it.
 *
 * @returns the first test that did not trip as it must; `undefined` when all did.
 *
 * Source: SP 800-90B, 4.3: start-up tests show that the health tests work as expected.
 */
export async function brokenHealthTest(
  make: MakeSource,
  expiry: Expiry,
): Promise<HealthFailure | undefined> {
  for (const { trips, bytes } of KNOWN_ANSWERS) {
    for (const cuts of [[bytes.length], [bytes.length - 1, 1]]) {
      if (!await answers(make, { expiry, bytes, cuts })) return trips;
    }
  }
  return undefined;
}

async function answers(
  make: MakeSource,
  { expiry, bytes, cuts }: {
    readonly expiry: Expiry;
    readonly bytes: Uint8Array;
    readonly cuts: readonly number[];
  },
): Promise<boolean> {
  const told: number[] = [];
  const failed: SourcePorts["failed"] = ({ judged }) => void told.push(judged);
  const source = make({ device: playing(bytes), expiry, failed });
  for (const length of cuts.slice(0, -1)) {
    if ((await source.draw(length))?.length !== length) return false;
  }
  const last = await source.draw(cuts.at(-1) ?? 0);
  const behind = await source.draw(1);
  const refused = last === undefined && behind === undefined;
  return refused && told.length === 1 && told[0] === bytes.length;
}

/** A device that gives these bytes and then healthy ones. */
function playing(bytes: Uint8Array): EntropyDevice {
  let at = 0;
  const next = () => bytes[at++] ?? HEALTHY;
  return { read: (length) => Promise.resolve(Uint8Array.from({ length }, next)) };
}
