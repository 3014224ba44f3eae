/**
 * Keys of keystored through a whole node, from a task of its own with 32 requests in flight: each is a
 * frame there and back, a decision that policyd makes and logd keeps, and the primitive. Beside it,
 * in the same run, the primitives alone, `openssl speed`, and SoftHSM2 where it is there.
 *
 *     deno run -A tests/bench/keys_bench.ts
 *
 * @module
 */

import { isolatesFrom } from "@hw/host/isolates.ts";
import { type Isolation, ISOLATIONS } from "@runtime/boot/placement.ts";
import { ed25519Signer, ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { openXchacha, sealXchacha } from "@runtime/crypto/xchacha_poly.ts";
import { createClient } from "@runtime/idl/client.ts";
import { CONTROL_PRINCIPAL, controld } from "@services/controld/protocol.ts";
import { RING } from "@services/logd/protocol.ts";
import { startNode } from "../../main.ts";
import { KEYS_SCOPE, keysClient, type KeysFigures } from "./isolates/keys_client.ts";
import { softHsmRate } from "./soft_hsm.ts";

const ENTRY = new URL("./isolates/keys_worker.ts", import.meta.url);
const ASK_EVERY_MS = 200;
const RAW_COUNT = 20_000;

/** What a task of its own gets of a node under a placement. */
async function measured(isolation: Isolation): Promise<KeysFigures> {
  const node = await startNode({
    ...{ listen: undefined, advertise: undefined, peers: [], profile: "dev", isolation },
    ...{ seed: undefined, perAddress: undefined, selftest: false, console() {} },
    components: (own) => own.map((each) => each.name === keysClient.name ? keysClient : each),
  }, { makeIsolate: isolatesFrom(() => ENTRY) });
  const control = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  const ask = { ring: RING.journal, afterId: 0n, countMax: 1, scope: KEYS_SCOPE };
  for (;;) {
    const { faults } = node;
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
    const reply = await control.log(ask);
    const [told] = reply.status === "ok" ? reply.records : [];
    if (told !== undefined) {
      await node.stop();
      return JSON.parse(told.message);
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/** Calls a second, behind as many that warm up. */
function rateOf(call: () => unknown): number {
  for (let count = 0; count < RAW_COUNT / 4; count++) call();
  const began = performance.now();
  for (let count = 0; count < RAW_COUNT; count++) call();
  return 1000 * RAW_COUNT / (performance.now() - began);
}

/** The primitives that keystored stands on, alone in this process. */
function primitives() {
  const signer = ed25519Signer(new Uint8Array(32).fill(7));
  const message = new Uint8Array(32).fill(1);
  const signature = signer.sign(message);
  const key = new Uint8Array(32).fill(3);
  const plain = new Uint8Array(1024).fill(5);
  const sealing = { nonce: new Uint8Array(24).fill(9), ad: new Uint8Array(57) };
  return {
    sign: rateOf(() => signer.sign(message)),
    verify: rateOf(() => ed25519Verify(signer.publicKey, message, signature)),
    sealUnseal: rateOf(() => openXchacha(key, sealXchacha(key, plain, sealing), sealing)),
  };
}

/** `openssl speed` of Ed25519: signatures and verifications a second; nothing where there is none. */
async function opensslRates(): Promise<{ sign: number; verify: number } | undefined> {
  try {
    const args = ["speed", "-seconds", "2", "ed25519"];
    const { stdout } = await new Deno.Command("openssl", { args, stderr: "null" }).output();
    const line = new TextDecoder().decode(stdout).split("\n").find((each) =>
      each.includes("Ed25519")
    );
    const [verify = 0, sign = 0] = (line ?? "").trim().split(/\s+/).toReversed().map(Number);
    return sign > 0 ? { sign, verify } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function print(name: string, rates: readonly (number | undefined)[]): void {
  const cells = rates.map((rate) =>
    (rate === undefined ? "-" : `${Math.round(rate)}/s`).padStart(14)
  );
  console.log(name.padEnd(16) + cells.join(""));
}

if (import.meta.main) {
  const heads = ["sign", "verify", "seal+unseal", "signMany", "verifyMany"];
  console.log("".padEnd(16) + heads.map((head) => head.padStart(14)).join(""));
  for (const isolation of ISOLATIONS) {
    const { sign, verify, sealUnseal, signMany, verifyMany } = await measured(isolation);
    print(isolation, [sign, verify, sealUnseal, signMany, verifyMany]);
  }
  const { sign, verify, sealUnseal } = primitives();
  print("primitive", [sign, verify, sealUnseal]);
  const openssl = await opensslRates();
  print("openssl speed", [openssl?.sign, openssl?.verify]);
  print("SoftHSM2", [await softHsmRate()]);
  Deno.exit(0);
}
