/* A thread with few permissions: which flag it says is missing, for each set that it is asked for. */
import { missingPermission } from "@hw/host/missing_permission.ts";
import { requirePermissions } from "@hw/host/permissions.ts";
import type { PermissionSet } from "@runtime/core/sandbox_ports.ts";

const NONE: PermissionSet = { net: [], read: [], write: [], env: [], sys: [], run: [] };
const OWN = { ...NONE, net: ["127.0.0.1:7401"], sys: ["uid"] };

const asked: readonly PermissionSet[] = [
  OWN,
  { ...OWN, net: ["127.0.0.1:7401", "127.0.0.1:7402"] },
  { ...OWN, read: ["/etc"] },
  { ...OWN, env: ["HOME"] },
  { ...OWN, sys: ["uid", "hostname"] },
  { ...OWN, run: ["/bin/true"] },
];

function missingOf(permissions: PermissionSet): string | undefined {
  try {
    requirePermissions(permissions);
    return undefined;
  } catch (error) {
    return missingPermission(error)?.flag ?? String(error);
  }
}

// The lib of a window, which checks this file too, knows no worker's postMessage.
const scope = globalThis as unknown as { postMessage(flags: (string | undefined)[]): void };
scope.postMessage(asked.map(missingOf));
