/**
 * The rig of `nx test-os`: two whole devices that the machines under test must refuse. They run in
 * this process only, on the host's loopback, with keys that they drew themselves; no other command
 * starts one. A machine is asked over its controld to dial them, as the command line would.
 *
 * @module
 */

import type { AnyComponent } from "@runtime/boot/component.ts";
import type { Expectation } from "@runtime/boot/ladder.ts";
import { assert } from "@runtime/core/assert.ts";
import { createClient } from "@runtime/idl/client.ts";
import { filledMarker } from "@runtime/idl/marker.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { keystored } from "../keystored/protocol.ts";
import type { NodeOptions, NxPorts, RunningNode } from "./ports.ts";
import { type ControlClient, okReply } from "./shell.ts";

const LOOPBACK = "127.0.0.1";
/** How long one dial may take; it ends with the handshake, which has a deadline of its own. */
const DIAL_TIMEOUT_MS = 20_000;

/** A device that is not who the machines are told that it is. */
export interface Stranger {
  /** What the machines' consoles must show of it, and what they must not. */
  readonly expectation: Expectation;
  /** Has a machine dial it. Resolves when that came to its end, whatever it was. */
  visit(machine: RunningNode): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts both strangers:
 *
 * - one whose proof is signed by nobody: the identity it shows is its own, one bit of the signature
 *   is not;
 * - one that proves its own identity where the machine is told that the first one listens.
 *
 * @throws {BootError} when one does not boot.
 */
export async function startStrangers(
  { startNode }: Pick<NxPorts, "startNode">,
): Promise<readonly Stranger[]> {
  const booted = await Promise.allSettled([
    startNode(optionsOf(forging)),
    startNode(optionsOf(undefined)),
  ]);
  const nodes = booted.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  try {
    for (const each of booted) if (each.status === "rejected") throw each.reason;
    const [forger, other] = await Promise.all(nodes.map(shownBy));
    assert(forger !== undefined && other !== undefined, "both strangers have booted");
    return [strangerOf(forger, forger.deviceId), strangerOf(other, forger.deviceId)];
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

/** A node, and its identity as it shows it. */
interface Shown {
  readonly node: RunningNode;
  readonly deviceId: string;
  readonly noiseStatic: Uint8Array;
}

async function shownBy(node: RunningNode): Promise<Shown> {
  const { deviceId, noiseStatic } = okReply(await controlOf(node).identity({}), "stranger");
  return { node, deviceId, noiseStatic: noiseStatic.slice() };
}

/** @param pinned Whom the machines are told to find there. */
function strangerOf({ node, deviceId, noiseStatic }: Shown, pinned: string): Stranger {
  const { mismatch, bound } = dsoftbusd.markers;
  const line = filledMarker(mismatch.line, { id: deviceId });
  const never = filledMarker(bound.line, { id: deviceId });
  assert(line !== undefined && never !== undefined, "controld tells a device id");
  const { listen } = node;
  assert(listen !== undefined, "a stranger listens");
  const peer = { address: listen, deviceId: pinned, noiseStatic: undefined };
  return {
    expectation: { phase: "session", line, never },
    async visit(machine) {
      const address = await machine.placeOf(peer);
      assert(address !== undefined, "a machine reaches its host's loopback");
      await controlOf(machine).connect({
        ...{ address, port: listen.port, deviceId: pinned, noiseStatic },
        timeoutMs: DIAL_TIMEOUT_MS,
      }, { timeoutMs: "never" });
    },
    stop: () => node.stop(),
  };
}

function controlOf(node: RunningNode): ControlClient {
  return createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
}

function optionsOf(components: NodeOptions["components"]): NodeOptions {
  return {
    listen: { host: LOOPBACK, port: 0 },
    advertise: undefined,
    peers: [],
    profile: "dev",
    seed: undefined,
    perAddress: undefined,
    selftest: false,
    console() {},
    components,
  };
}

/** The daemons of a device whose keystored signs no session proof as it should. */
function forging(own: readonly AnyComponent[]): readonly AnyComponent[] {
  return own.map((component) =>
    component.name === keystored.name
      ? { ...component, create: (given: never) => forged(component.create(given)) }
      : component
  );
}

async function forged(created: unknown): Promise<unknown> {
  // keystored's `create` is typed where it is declared; the boot does not look at it either.
  const behaviour = await created as { readonly keystored: Handlers<typeof keystored> };
  const sessionProof: Handlers<typeof keystored>["sessionProof"] = async (request, call) => {
    const proof = await behaviour.keystored.sessionProof(request, call);
    if (proof.status !== "ok") return proof;
    const signature = proof.signature.map((byte, at) => at === 0 ? byte ^ 1 : byte);
    return { ...proof, signature };
  };
  return { ...behaviour, keystored: { ...behaviour.keystored, sessionProof } };
}
