import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { toHex } from "@runtime/core/hex.ts";
import { sha512 } from "@runtime/crypto/sha512.ts";
import {
  looksLikeSshSignature,
  readSshSignature,
  sshSignatureText,
  sshSignedBytes,
} from "./ssh_signature.ts";

const UTF8 = new TextEncoder();
const PUBLIC = Uint8Array.from({ length: 32 }, (_, index) => index);
const SIGNATURE = Uint8Array.from({ length: 64 }, (_, index) => 0xff - index);
const WHOLE = { publicKey: PUBLIC, namespace: "file", signature: SIGNATURE };

test("sshSignedBytes is what PROTOCOL.sshsig says is signed", () => {
  const digest = sha512(UTF8.encode("abc"));
  const wanted = toHex(UTF8.encode("SSHSIG")) + "00000004" + toHex(UTF8.encode("file")) +
    "00000000" + "00000006" + toHex(UTF8.encode("sha512")) + "00000040" + toHex(digest);
  equal(toHex(sshSignedBytes("file", digest)), wanted);
});

test("an SSH signature that was written is read back", () => {
  const text = sshSignatureText(WHOLE);
  ok(looksLikeSshSignature(text));
  deepEqual(readSshSignature(text), WHOLE);
  deepEqual(readSshSignature(text.replaceAll("\n", "\r\n")), WHOLE);
  ok(text.split("\n").every((line) => line.length <= 70));
});

/** The bytes of a signature, changed, as text again. */
function changed(change: (bytes: Uint8Array) => Uint8Array): string {
  const [, ...lines] = sshSignatureText(WHOLE).trim().split("\n");
  const letters = atob(lines.slice(0, -1).join(""));
  const bytes = change(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)));
  const body = btoa(String.fromCharCode(...bytes));
  return `-----BEGIN SSH SIGNATURE-----\n${body}\n-----END SSH SIGNATURE-----\n`;
}

test("readSshSignature takes no part of a signature, nothing behind one, and no other one", () => {
  let length = 0;
  equal(readSshSignature(changed((bytes) => (length = bytes.length, bytes)))?.namespace, "file");
  ok(length > 150);
  const bad: number[] = [];
  for (let cut = 0; cut < length; cut++) {
    if (readSshSignature(changed((bytes) => bytes.subarray(0, cut))) !== undefined) bad.push(cut);
  }
  deepEqual(bad, []);
  equal(readSshSignature(changed((bytes) => Uint8Array.of(...bytes, 0))), undefined);
  for (const offset of [0, 9, 13, 20, 64, 80, 90, 100]) {
    const flipped = changed((bytes) => bytes.map((byte, at) => at === offset ? byte ^ 0x80 : byte));
    const read = readSshSignature(flipped);
    ok(read === undefined || toHex(read.publicKey) !== toHex(PUBLIC), `${offset}`);
  }
  for (const text of ["", "x", sshSignatureText(WHOLE).replace("END", "XXX"), "a".repeat(5_000)]) {
    equal(readSshSignature(text), undefined);
  }
  equal(readSshSignature(sshSignatureText({ ...WHOLE, namespace: "" })), undefined);
});
