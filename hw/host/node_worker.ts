/** The worker in which a node runs: `hw/host/confined.ts` starts it. */
import { serveNode } from "./confined_worker.ts";
import { draftedSockets } from "./drafted_sockets.ts";
import { unixSockets } from "./sockets.ts";
import { runNx } from "@services/nx/nx.ts";
import { programPorts } from "../../main.ts";

serveNode(({ argv, socket, bytesRepeat }, { processes, makeIsolate, inspectorOpen }) => {
  const unix = unixSockets();
  return runNx(
    argv,
    programPorts({
      processes,
      unix: socket === undefined ? unix : draftedSockets(unix, socket),
      makeIsolate,
      guard: { bytesRepeat: () => Promise.resolve(bytesRepeat), inspectorOpen },
    }),
  );
});
