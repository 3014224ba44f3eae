// A program outside a node, for Deno and for Node: makes a key, uses it, ends it.
// deno-lint-ignore-file no-console
import process from "node:process";
import { connectKeys, KeyError, publicKeyPem } from "nexus-keys";

const [socket = "", app = "example"] = process.argv.slice(2);
const text = new TextEncoder();

const { keys, close } = await connectKeys({ socket });
try {
  const letters = { app, key: "letters" };
  const made = await keys.create({ app, purpose: "letters", algorithm: "ed25519" });
  console.log(`created ${made.app}/${made.purpose} version ${made.version}`);
  console.log(publicKeyPem("ed25519", made.versions[0].publicKey).split("\n")[0]);

  const message = text.encode("dear all");
  const { signature } = await keys.sign(letters, message);
  console.log(`signed, by version ${await keys.verify(letters, message, signature)}`);
  console.log(`changed: ${await keys.verify(letters, text.encode("dear you"), signature)}`);

  const { version } = await keys.rotate(letters);
  console.log(`rotated to ${version}, verifies ${await keys.verify(letters, message, signature)}`);

  const drafts = { app, key: "drafts" };
  await keys.create({ app, purpose: "drafts", algorithm: "xchacha20-poly1305" });
  const aad = text.encode("folder 7");
  const { sealed } = await keys.seal(drafts, { plain: message, aad });
  const { plain } = await keys.unseal(drafts, { sealed, aad });
  console.log(`unsealed ${new TextDecoder().decode(plain)}`);

  const many = await Promise.all(Array.from({ length: 40 }, () => keys.sign(letters, message)));
  console.log(`${many.length} signatures at a time`);

  await keys.revoke(letters);
  await keys.sign(letters, message);
} catch (error) {
  if (!(error instanceof KeyError)) throw error;
  console.log(`refused: ${error.code} ${error.operation}`);
} finally {
  close();
}
