import { defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { Refusal } from "@runtime/core/error.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import { type KeyOrigin, KeySlot } from "./key_slot.ts";
import { anchors, keystored } from "./protocol.ts";
import { scopedValues } from "./scoped_values.ts";
import { createAnchors } from "./anchors/anchors_service.ts";
import { BUILT_IN_PUBLISHERS } from "./anchors/built_in.ts";
import { createKeystored } from "./service.ts";
import { CLI_SUBJECT, keys } from "./client/keys_protocol.ts";
import { AuditHash } from "./keys/audit_hash.ts";
import { EntropyPool } from "../rngd/client/entropy_pool.ts";
import { KeyChanges } from "./keys/key_changes.ts";
import { KeyClock } from "./keys/key_clock.ts";
import type { KeyPlace } from "./keys/key_store.ts";
import { KeyUses } from "./keys/key_uses.ts";
import { Keyring } from "./keys/keyring.ts";
import { createKeys } from "./keys/keys_service.ts";
import { stateKeyStore } from "./keys/state_key_store.ts";
import { tendFor } from "./keys/tending.ts";

/** Requests that run at a time, and those that may wait. */
const CONCURRENCY = 64;
const DEPTH = 64;

/** Profiles in which keys that were drawn from a seed are taken: of another one nothing is known. */
const TEST_KEY_PROFILES: ReadonlySet<string> = new Set(["dev", "test"]);

/** What the log says about where the key came from. */
const ORIGIN: Readonly<Record<KeyOrigin, string>> = {
  kept: "device key as it was kept in /state",
  drawn: "device key drawn, and kept in /state",
};
const NO_KEY = "no entropy: no device key yet, the next request asks again";
const STUB = " (stub: RAM, not beyond the node)";

/** Why a key that is kept is not taken. */
const REFUSED = {
  damaged: "a key that is kept does not open",
  test_key: "a key that was drawn from a seed is not taken under this profile",
} as const;

function refusedKey({ app, purpose }: KeyPlace, why: keyof typeof REFUSED) {
  return {
    level: LEVELS.indexOf("error"),
    scope: "keystored",
    message: REFUSED[why],
    fields: `application=${app}\npurpose=${purpose}\n`,
  };
}

export default defineComponent({
  name: "keystored",
  serves: { keystored, keys, anchors },
  calls: { entropy: rngd, log: logdV2, state: statefsd },
  uses: {},
  keyCapability: "keystore.kek",
  asks: ["policy.delegate", "keystore.kek", "rng.entropy", "statefs.keystore"],
  asksFor: {
    [CLI_SUBJECT]: [
      "identity.key.admin",
      "identity.key.agree",
      "identity.key.create",
      "identity.key.decrypt",
      "identity.key.derive",
      "identity.key.read",
      "identity.key.revoke",
      "identity.key.rotate",
      "identity.key.sign",
    ],
  },
  concurrency: CONCURRENCY,
  depth: DEPTH,
  async create({ args, call, clock, key: kek, spawn, syscalls }) {
    assert(kek !== undefined, "the boot hands over the key that seeds are wrapped under");
    const slot = new KeySlot({ ...call, kek, deviceId: args["deviceId"] });
    await slot.key();
    if (slot.fault !== undefined) throw new Refusal(slot.fault);
    const { origin } = slot;
    const stats = await call.state.stats({});
    const stub = stats.status === "ok" && stats.persists === 0 ? STUB : "";
    await call.log.append({
      level: LEVELS.indexOf(origin === undefined ? "error" : "info"),
      scope: "keystored",
      message: origin === undefined ? NO_KEY : `${ORIGIN[origin]}${stub}`,
      fields: "algorithm=ed25519\n",
    });
    const entropy = new EntropyPool(call.entropy);
    const ring = new Keyring({
      store: stateKeyStore(call.state),
      draw: (length) => entropy.draw(length),
      time: new KeyClock(clock),
      kek,
      refused: (place, why) => void call.log.append(refusedKey(place, why)),
      takesTestKeys: TEST_KEY_PROFILES.has(args["profile"] ?? ""),
      seeded: args["seeded"] === "yes",
    });
    if (!await ring.open()) throw new Refusal("keys_not_listed");
    spawn(() => tendFor(ring, { clock, timer: syscalls.timerCreate() }));
    const [uses, changes] = [new KeyUses(ring), new KeyChanges(ring)];
    return {
      keystored: createKeystored(slot, scopedValues(call.state)),
      anchors: createAnchors(BUILT_IN_PUBLISHERS, slot),
      keys: createKeys({ ring, uses, changes, hash: new AuditHash(kek) }),
    };
  },
});
