import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { keysEngine } from "@tests/fakes/keys_engine.ts";
import { test } from "@tests/fakes/test.ts";
import { KeyError } from "../client/keys_failure.ts";
import { NexusKeys } from "../client/nexus_keys.ts";

const APP = "mail";
const BYTES = Uint8Array.of(1);

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof KeyError && error.code === code;
}

test("what a key with a limit refuses costs none of its uses", async () => {
  const keys = new NexusKeys((await keysEngine()).channel);
  const letters = { app: APP, key: "letters" };
  await keys.create({ app: APP, purpose: "letters", algorithm: "ed25519", maxUses: 1n });
  await rejects(() => keys.seal(letters, { plain: BYTES }), refusedWith("EINVAL"));
  equal((await keys.get(letters)).used, 0n);
  await keys.sign(letters, BYTES);
  equal((await keys.get(letters)).used, 1n);
  await rejects(() => keys.sign(letters, BYTES), refusedWith("EDQUOTA"));
  const drafts = { app: APP, key: "drafts" };
  const algorithm = "xchacha20-poly1305";
  await keys.create({ app: APP, purpose: "drafts", algorithm, maxUses: 2n });
  const { sealed } = await keys.seal(drafts, { plain: BYTES });
  const changed = sealed.map((byte, at) => at === sealed.length - 1 ? byte ^ 1 : byte);
  await rejects(() => keys.unseal(drafts, { sealed: changed }), refusedWith("EINVAL"));
  deepEqual((await keys.unseal(drafts, { sealed })).plain, BYTES);
  await rejects(() => keys.unseal(drafts, { sealed }), refusedWith("EDQUOTA"));
});
