// Beside a node that answers nothing that makes sense: the call says so, and the program ends.
import { createServer } from "node:net";
import process from "node:process";
import { connectKeys, KeysUnavailable } from "nexus-keys";

const [socket = ""] = process.argv.slice(2);
const server = createServer((peer) => {
  peer.on("error", () => {}).on("data", () => peer.write(Uint8Array.of(0, 0, 0, 1, 0xff)));
});
await new Promise((resolve) => server.listen(`${socket}.garbled`, resolve));
const { keys, close } = await connectKeys({ socket: `${socket}.garbled` });
try {
  await keys.get({ app: "mail", key: "letters" });
} catch (error) {
  if (!(error instanceof KeysUnavailable)) throw error;
  console.log(`unavailable: ${error.reason}`);
} finally {
  close();
  server.close();
}
