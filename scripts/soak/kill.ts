import { BACKOFF_MAX_MS } from "@services/dsoftbusd/backoff.ts";
import { HANDSHAKE_TIMEOUT_MS } from "@services/dsoftbusd/bus.ts";
import { dsoftbusd } from "@services/dsoftbusd/protocol.ts";
import { ok } from "@tests/fakes/assert.ts";
import { inWorld, type NxNode, type NxWorld } from "@tests/os/nx_process.ts";
import { repeated, type SoakCheck } from "./check.ts";

const LOOPBACK = "127.0.0.1:0";
const SESSION = dsoftbusd.markers.session.line;
/** How long a dialler may take to be in session again once its peer serves. */
const RETURN_MS_MAX = BACKOFF_MAX_MS + HANDSHAKE_TIMEOUT_MS;

/** Two processes, of which one is killed without warning and started again, time after time. */
export const kill: SoakCheck = {
  name: "kill",
  share: 7,
  fullCases: 200,
  oneCase: "a round: one of two processes is killed, started again, and both are in session",
  async run(budget) {
    let result = { cases: 0, failures: ["it did not begin"] as readonly string[] };
    await inWorld(async (world) => {
      const pair = await begin(world);
      result = await repeated(budget, (round) => killOne(world, pair, round));
    });
    return result;
  },
};

/** The node that listens for the other, and the one that dials it. */
interface Pair {
  server: NxNode;
  dialler: NxNode;
}

async function begin(world: NxWorld): Promise<Pair> {
  const server = await world.up("--listen", LOOPBACK);
  const dialler = await dial(world, server.place);
  await Promise.all([server.process.marker(SESSION), dialler.process.marker(SESSION)]);
  return { server, dialler };
}

function dial(world: NxWorld, place: string): Promise<NxNode> {
  return world.up("--listen", LOOPBACK, "--peer", place);
}

/** @throws when the session does not come back in time. */
async function killOne(world: NxWorld, pair: Pair, round: number): Promise<void> {
  const victim = round % 2 === 0 ? pair.dialler : pair.server;
  const survivor = round % 2 === 0 ? pair.server : pair.dialler;
  const seen = survivor.process.events.length;
  victim.process.kill("SIGKILL");
  await victim.process.ended;
  const { place } = pair.server;
  if (victim === pair.dialler) pair.dialler = await dial(world, place);
  else pair.server = await world.up("--listen", place);
  const startMs = performance.now();
  const restarted = survivor === pair.server ? pair.dialler : pair.server;
  await Promise.all([
    restarted.process.marker(SESSION),
    survivor.process.event((event) =>
      event["line"] === SESSION && survivor.process.events.indexOf(event) >= seen
    ),
  ]);
  const tookMs = performance.now() - startMs;
  ok(tookMs <= RETURN_MS_MAX, `the session took ${Math.round(tookMs)} ms to come back`);
}
