import type { Evidence } from "@runtime/boot/component.ts";
import type { ProbePorts, Probes } from "./probe.ts";
import { DEVICE_PROBES, ENTROPY_PROBES } from "./probe_device.ts";
import { IPC_PROBES } from "./probe_ipc.ts";
import { KEYSTORE_PROBES } from "./probe_keystore.ts";
import { POLICY_PROBES } from "./probe_policy.ts";
import { SEED_PROBES, STATE_PROBES } from "./probe_state.ts";
import { failureKey } from "./protocol.ts";

/** Every probe, in the order of the ladder. */
export const ALL_PROBES: Probes = {
  ...IPC_PROBES,
  ...POLICY_PROBES,
  ...ENTROPY_PROBES,
  ...STATE_PROBES,
  ...KEYSTORE_PROBES,
  ...DEVICE_PROBES,
};

/** Prints a marker of the selftest's own. */
export type PrintMarker = (key: string, evidence: Readonly<Record<string, Evidence>>) => void;

/**
 * Runs every probe once, in order. One that fails says so and does not stop the next; the end is
 * reached only when none failed, and not by the few of a first boot.
 */
export async function runSelftest(
  ports: ProbePorts,
  print: PrintMarker,
  probes: Probes = ALL_PROBES,
): Promise<void> {
  let passed = 0;
  let failed = 0;
  for (const [key, probe] of Object.entries(probes)) {
    const evidence = await probe(ports);
    if (evidence === "absent") continue;
    if (evidence === undefined) {
      failed += 1;
      print(failureKey(key), { probe: key });
    } else {
      passed += 1;
      print(key, evidence);
    }
  }
  if (failed === 0 && probes !== SEED_PROBES) print("end", { probes: passed });
}
