/**
 * Where the secrets of applications' keys are: they are imported into a node with a state directory,
 * used in every way, and looked for in the memory of every isolate, the image, the log and the replies.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { x25519 } from "@noble/curves/ed25519.js";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { isolateNameOf } from "@runtime/boot/placement.ts";
import { createClient } from "@runtime/idl/client.ts";
import type { AlgorithmName } from "@services/keystored/client/algorithm.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { SOCKET_NAME } from "@services/nx/node_registry.ts";
import { equal, ok } from "../fakes/assert.ts";
import { wishFor } from "../fakes/keystore.ts";
import { formsOf, holdsPart } from "../fakes/secret_scan.ts";
import { test } from "../fakes/test.ts";
import { sealSent } from "../keystore/independent.ts";
import { Inspected, type InspectedIsolate } from "./inspected.ts";
import { type KeySocket, keySocket } from "./key_socket.ts";
import { Needles } from "./needles.ts";
import { freePort, inWorld, type NxProcess, type NxWorld } from "./nx_process.ts";

const NOTHING = new Uint8Array(0);
const MESSAGE = new TextEncoder().encode("what is signed, sealed and opened");
const ALGORITHMS: readonly AlgorithmName[] = [
  ...["ed25519", "xchacha20-poly1305", "x25519", "hkdf-sha256"] as const,
];
const CANARIES = ALGORITHMS.map((name) =>
  Uint8Array.from(createHash("sha256").update(`canary of ${name}`).digest())
);
const NEEDLES = new Needles(CANARIES.flatMap(formsOf));
const PLANTED = Uint8Array.from(CANARIES[0] ?? []).slice(4, 28);
const KEYSTORED = isolateNameOf("secrets", "keystored");

/** Imports the canaries, and uses each of them. */
async function used(socket: KeySocket): Promise<void> {
  const client = createClient(keys, socket);
  const wrap = await client.create(wishFor("wrap", "x25519", { uses: 2 }));
  ok(wrap.status === "ok", wrap.status);
  const recipient = wrap.versions[0]?.publicKey.slice() ?? NOTHING;
  for (const [index, algorithm] of ALGORITHMS.entries()) {
    const sealed = sealSent({
      ...{ recipient, ephemeralSecret: crypto.getRandomValues(new Uint8Array(32)), expiresMs: 0 },
      ...{ label: `nexus:import:${algorithm}`, aad: NOTHING, plain: CANARIES[index] ?? NOTHING },
    });
    const wish = { ...wishFor(algorithm.slice(0, 4), algorithm), wrapping: "wrap", sealed };
    equal((await client.importKey(wish)).status, "ok");
    const shown = await client.openFrom({ app: "mail", key: "wrap", aad: NOTHING, sealed });
    equal(shown.status, "EINVAL");
  }
  const box = { app: "mail", key: "xcha" };
  equal((await client.sign({ app: "mail", key: "ed25", message: MESSAGE })).status, "ok");
  const sealed = await client.seal({ ...box, label: "", aad: NOTHING, plain: MESSAGE });
  ok(sealed.status === "ok");
  const bytes = sealed.sealed.slice();
  equal((await client.unseal({ ...box, aad: NOTHING, sealed: bytes })).status, "ok");
  equal((await client.rewrap({ ...box, aad: NOTHING, sealed: bytes })).status, "ok");
  const remote = x25519.getPublicKey(new Uint8Array(32).fill(5));
  equal((await client.agree({ app: "mail", key: "x255", remote })).status, "ok");
  const derive = { app: "mail", key: "hkdf", context: NOTHING, length: 64 };
  equal((await client.derive(derive)).status, "ok");
  for (const key of ["ed25", "xcha", "x255", "hkdf"]) {
    equal((await client.rotate({ app: "mail", key })).status, "ok");
    equal((await client.get({ app: "mail", key })).status, "ok");
  }
  equal((await client.list({ app: "", after: "", countMax: 32 })).status, "ok");
}

/** Names of the isolates that a node starts, in order. */
function isolateNames({ events }: NxProcess): readonly string[] {
  const tasks = events.flatMap(({ line }) => /^init: start (.*)$/.exec(String(line))?.[1] ?? []);
  return [...new Set(tasks.map((task) => isolateNameOf("secrets", task)))];
}

/** Looks into every isolate. Who holds a secret is keystored alone. */
async function looksInto(inspected: Inspected, node: NxProcess): Promise<void> {
  const workers = inspected.workers.filter(({ url }) => url.endsWith("/task_worker.ts"));
  const names = isolateNames(node);
  equal(workers.length, names.length, "every isolate can be looked into");
  const isolates: (readonly [string, InspectedIsolate])[] = workers.map((worker, index) =>
    [names[index] ?? "", worker] as const
  );
  for (const [name, isolate] of [...isolates, ["main", inspected.main] as const]) {
    const before = (await isolate.memory()).filter((bytes) => holdsPart(bytes, NEEDLES)).length;
    if (name !== KEYSTORED) equal(before, 0, `${name} holds a secret of an application`);
    else ok(before > 0, "where the secrets are, they are found");
    await isolate.plant(PLANTED);
    const after = (await isolate.memory()).filter((bytes) => holdsPart(bytes, NEEDLES)).length;
    ok(after > before, `${name}: what is planted is found`);
  }
}

/** What a node says to whoever asks, and everything that it printed. */
async function textsOf(world: NxWorld, node: NxProcess, port: number): Promise<Uint8Array[]> {
  const texts: string[] = [JSON.stringify(node.events), ...node.errors];
  for (const command of [["id"], ["log"], ["log", "--audit"], ["state", "ls"]]) {
    const { events, errors } = await world.run(...command, "--node", `${port}`);
    texts.push(JSON.stringify(events), ...errors);
  }
  return texts.map((text) => new TextEncoder().encode(text));
}

test(
  "no isolate but keystored's, no image, log or reply holds a secret of an application",
  async () => {
    await inWorld(async (world) => {
      const state = `${world.folder}/state`;
      equal((await world.run("init", "--state", state, "--size", "1MiB")).code, 0);
      const port = freePort();
      const node = world.flagged(
        [`--inspect=127.0.0.1:${port}`],
        ...["up", "--no-supervise", "--listen", "127.0.0.1:0", "--isolation", "secrets"],
        ...["--state", state, "--profile", "test"],
      );
      const inspected = await Inspected.at(port);
      try {
        const listening = await node.event(({ event }) => event === "listening");
        await node.event(({ event }) => event === "ready");
        const own = Number(listening["port"]);
        using socket = await keySocket(`${world.folder}/nexus/${own}/${SOCKET_NAME}`);
        await used(socket);
        const texts = await textsOf(world, node, own);
        ok(texts.some((text) => new TextDecoder().decode(text).includes("keys.importKey")));
        for (const text of [...texts, ...socket.replies]) {
          ok(!holdsPart(text, NEEDLES), new TextDecoder().decode(text.slice(0, 200)));
        }
        await looksInto(inspected, node);
      } finally {
        await inspected.close();
      }
      node.kill("SIGTERM");
      equal((await node.ended).code, 0);
      for await (const { name, isFile } of Deno.readDir(state)) {
        if (!isFile) continue;
        const bytes = await Deno.readFile(`${state}/${name}`);
        ok(!holdsPart(bytes, NEEDLES), `${name} holds a secret of an application`);
        bytes.set(PLANTED.subarray(0, Math.min(PLANTED.length, bytes.length)));
        ok(bytes.length < 8 || holdsPart(bytes, NEEDLES), `${name}: what is planted is found`);
      }
    });
  },
  { ignore: !denoAtLeast(2, 9) },
);
