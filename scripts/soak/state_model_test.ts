import { rejects } from "@tests/fakes/assert.ts";
import { ABOUT, bytesOf, formattedImage, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import type { Store } from "@services/statefsd/store.ts";
import { type Answer, StateModel } from "./state_model.ts";
import { REVOKED, type StateOperation, type StateStep } from "./state_workload.ts";

const [A, B, C] = ["/state/app/a", "/state/boot/b", "/state/app/c"];
const FLAG = "/state/keystore/0/revoked";
const GROUP = { kind: "commit", keys: [A, B, C], text: "group" } as const;

/** The image once `work` is done, after what `before` was. */
async function imageAfter(
  work: (store: Store) => Promise<unknown>,
  before?: Uint8Array,
): Promise<Uint8Array> {
  const { disk, store } = await storeOn(before ?? await formattedImage(65));
  await work(store);
  return disk.image;
}

function putInto(key: string, text: string): (store: Store) => Promise<unknown> {
  return (store) => store.put(key, bytesOf(text), ABOUT);
}

function put(key: string, text: string): StateOperation {
  return { kind: "put", key, text };
}

/** Steps of one operation each. */
function steps(...operations: readonly StateOperation[]): readonly StateStep[] {
  return operations.map((operation, number) => [{ ...operation, number }]);
}

/** The first so many operations were answered. */
function answered(count: number, sequence = 0n): readonly Answer[] {
  return Array.from({ length: count }, (_, number) => ({ number, status: "ok", sequence }));
}

test("StateModel takes what was acknowledged, and of the rest all or nothing", async () => {
  const asked = steps(put(A, "1"), put(A, "2"), GROUP);
  const one = await imageAfter(putInto(A, "1"));
  const two = await imageAfter(putInto(A, "2"), one);
  await new StateModel().judge({ steps: asked, answers: answered(1), image: one });
  await new StateModel().judge({ steps: asked, answers: answered(1), image: two });
  await new StateModel().judge({ steps: asked, answers: answered(2), image: two });
  await new StateModel().judge({ steps: asked, answers: [], image: new Uint8Array(512 * 65) });
  await new StateModel().judge({ steps: asked, answers: [], image: undefined });
});

test("StateModel finds an acknowledged write that was taken back", async () => {
  const asked = steps(put(A, "1"), put(A, "2"), put(B, "3"));
  const one = await imageAfter(putInto(A, "1"));
  const life = { steps: asked, answers: answered(2), image: one };
  await rejects(new StateModel().judge(life), /a holds 1 .*, not 2/);
  const none = { ...life, image: await formattedImage(65) };
  await rejects(new StateModel().judge(none), /a holds nothing, not 2/);
  await rejects(new StateModel().judge({ ...life, image: undefined }), /the image is gone/);
  await rejects(new StateModel().judge({ ...life, image: new Uint8Array(512) }), /gone/);
});

test("StateModel finds a value that was taken back since the last look", async () => {
  const one = await imageAfter(putInto(A, "1"));
  const two = await imageAfter(putInto(A, "2"), one);
  const model = new StateModel();
  await model.judge({ steps: steps(put(A, "1"), put(A, "2")), answers: answered(1), image: two });
  const older = { steps: [], answers: [], image: one };
  await rejects(model.judge(older), /the image does not open: rollback/);
});

test("StateModel finds an image that is older than an answer says", async () => {
  const life = { steps: steps(put(A, "1")), answers: answered(1, 9n) };
  const image = await imageAfter(putInto(A, "1"));
  await rejects(new StateModel().judge({ ...life, image }), /does not open: rollback/);
});

test("StateModel finds a deleted value that is there again, and one that nobody wrote", async () => {
  const image = await imageAfter(putInto(A, "1"));
  const asked = steps(put(A, "1"), { kind: "delete", key: A });
  const life = { steps: asked, answers: answered(2), image };
  await rejects(new StateModel().judge(life), /a holds 1 .*, not nothing/);
  const stranger = { steps: steps(put(B, "1")), answers: [], image };
  await rejects(new StateModel().judge(stranger), /a holds 1 .*, not nothing/);
});

test("StateModel finds half a transaction, acknowledged or not", async () => {
  const image = await imageAfter(async (store) => {
    await store.put(A, bytesOf("group"), ABOUT);
    await store.put(C, bytesOf("group"), ABOUT);
  });
  const doubted = { steps: steps(GROUP), answers: [], image };
  await rejects(new StateModel().judge(doubted), /half a transaction: 2 of 3/);
  const acknowledged = { ...doubted, answers: answered(1) };
  await rejects(new StateModel().judge(acknowledged), /b holds nothing, not group/);
});

test("StateModel finds what an aborted transaction left", async () => {
  const image = await imageAfter(putInto(A, "group"));
  const asked = steps({ ...GROUP, kind: "abort" });
  const life = { steps: asked, answers: [], image };
  await rejects(new StateModel().judge(life), /a holds group .*, not nothing/);
});

test("StateModel finds a revocation that is undone", async () => {
  const set = await imageAfter(putInto(FLAG, REVOKED));
  const asked = steps(put(FLAG, REVOKED), put(A, "1"));
  const undone = await imageAfter((store) => store.delete(FLAG), set);
  const life = { steps: asked, answers: answered(1), image: undone };
  await rejects(new StateModel().judge(life), /a revocation is undone: .*holds nothing/);
  const model = new StateModel();
  await model.judge({ ...life, image: set });
  const cleared = await imageAfter(putInto(FLAG, "no"), set);
  const later = { steps: [], answers: [], image: cleared };
  await rejects(model.judge(later), /a revocation is undone: .*holds no .*, not revoked/);
});

test("StateModel finds an image for which fsck ends with 2", async () => {
  const image = await imageAfter(async (store) => {
    for (const key of [A, B, C]) await store.put(key, bytesOf("v".repeat(600)), ABOUT);
  });
  image[900] = ~(image[900] ?? 0);
  const life = { steps: steps(put(A, "v")), answers: [], image };
  await rejects(new StateModel().judge(life), /exit code 2/);
});

test("StateModel finds an answer that is no success", async () => {
  const image = await imageAfter(putInto(A, "1"));
  const failed = [{ number: 0, status: "io_error", sequence: 0n }];
  const life = { steps: steps(put(A, "1")), answers: failed, image };
  await rejects(new StateModel().judge(life), /operation 0, put, ended as io_error/);
  const gone = { ...life, answers: [{ number: 0, status: "not_found", sequence: 0n }] };
  await rejects(new StateModel().judge(gone), /operation 0, put, ended as not_found/);
});
