import { WireError, type WireErrorCode } from "@runtime/core/error.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { ed25519Signer, ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { x25519Secret } from "@runtime/crypto/x25519.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

import {
  decodeJson,
  decodeProof,
  deviceIdOf,
  encodeProof,
  noiseStaticSecret,
  type Proof,
  PROOF_LENGTH_MAX,
  proofDigest,
} from "./proof.ts";

/** Source: session-wire, appendix A.1 (upstream's responder sent exactly B's JSON). */
const IDENTITIES = [
  {
    role: "initiator",
    seed: "01".repeat(32),
    publicKey: "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
    deviceId: "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
    noiseSecret: "70cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363753",
    noisePublic: "621fe29e21042a1849a5118d5cfad40ac7ee003aacdf6b6b1e875c9daef6f90b",
    digest: "ff604e0cb859eff56b153555b08e653b2dd57f2dd47a515e8ae9b951a2f69090",
    signature: "ab5b7b9f7d98e63500fab3e8a77836ec583ba9883b5db9e968a6af01aedad577" +
      "7df43ba00a75973ece183e1f6f9aa434c2fba2acea9c862f0618dab98ed26808",
    jsonLength: 457,
    jsonDigest: "de23ca4a54297f0829dd98ab84a4e7ba736ebce28f4dc225eced1eb46c8d2159",
  },
  {
    role: "responder",
    seed: "02".repeat(32),
    publicKey: "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
    deviceId: "6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827",
    noiseSecret: "70877bb41d393b5fb8455ce60ecd8dda001d06316496b14dfa7f895656eeca4a",
    noisePublic: "6f79a4e17869fe358541b51b26de54a342c7b46326e0b9ce00631270b3186f65",
    digest: "908601f710fe9c24ca90694099aac4edd3c68cf375f14433d78e4e3a98216529",
    signature: "43cbaccadb5863e3ab1c8ccc15767b7a30486940e9e54a91f5557b533362d6c0" +
      "afa53baf61287e896cfad78a77149b479de555febef1607e1be4fe779c958205",
    jsonLength: 462,
    jsonDigest: "10f3e9b961350719773c7331323e7af5bc2f945429df3f4afbe681c05d511d57",
  },
] as const;

test("proofs of session-wire A.1 come out byte for byte", () => {
  for (const one of IDENTITIES) {
    const seed = fromHex(one.seed);
    const signer = ed25519Signer(seed);
    equal(toHex(signer.publicKey), one.publicKey);
    equal(deviceIdOf(signer.publicKey), one.deviceId);
    const secret = noiseStaticSecret(seed);
    equal(toHex(secret), one.noiseSecret);
    const staticKey = x25519Secret(secret).publicKey;
    equal(toHex(staticKey), one.noisePublic);
    const digest = proofDigest(one.role, staticKey);
    equal(toHex(digest), one.digest);
    const signature = signer.sign(digest);
    equal(toHex(signature), one.signature);
    const json = encodeProof({ deviceId: one.deviceId, verifyingKey: signer.publicKey, signature });
    deepEqual([json.length, toHex(sha256(json))], [one.jsonLength, one.jsonDigest]);
    const read = decodeProof(json);
    deepEqual([read.deviceId, read.verifyingKey], [one.deviceId, signer.publicKey]);
    equal(ed25519Verify(read.verifyingKey, digest, read.signature), true);
  }
});

const [ALICE] = IDENTITIES;
const KEY = [...fromHex(ALICE.publicKey)];
const SIGNATURE = [...fromHex(ALICE.signature)];
const PROOF: Proof = {
  deviceId: ALICE.deviceId,
  verifyingKey: Uint8Array.from(KEY),
  signature: Uint8Array.from(SIGNATURE),
};
const ID = JSON.stringify(ALICE.deviceId);

function decodeText(text: string): Proof {
  const { deviceId, verifyingKey, signature } = decodeProof(new TextEncoder().encode(text));
  return { deviceId, verifyingKey, signature };
}

function refusal(bytes: Uint8Array): WireErrorCode | undefined {
  try {
    decodeProof(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
}

function members(parts: readonly string[]): string {
  return `{${parts.join(",")}}`;
}

const [ID_PART, KEY_PART, SIGNATURE_PART] = [
  `"device_id":${ID}`,
  `"verifying_key":${JSON.stringify(KEY)}`,
  `"signature":${JSON.stringify(SIGNATURE)}`,
];

test("decodeProof takes any order, white space and unknown members", () => {
  deepEqual(decodeText(members([SIGNATURE_PART, KEY_PART, ID_PART])), PROOF);
  const object = { "device_id": ALICE.deviceId, "verifying_key": KEY, signature: SIGNATURE };
  deepEqual(decodeText(` \r\n\t${JSON.stringify(object, undefined, 4)}\n`), PROOF);
  deepEqual(
    decodeText(
      members([ID_PART.replace("device_id", "device\\u005fid"), KEY_PART, SIGNATURE_PART]),
    ),
    PROOF,
  );
  for (const extra of ['{"a":[{},[],"}"]}', "null", "-1.5e+3", "true", '"\\"]"', "[]", "[[1]]"]) {
    deepEqual(
      decodeText(members([`"x":${extra}`, ID_PART, KEY_PART, SIGNATURE_PART])),
      PROOF,
      extra,
    );
  }
});

test("decodeProof keeps unknown members as text, and encodeProof adds such", () => {
  const v2 = '{"epoch":1,"not_after":"1700000000000","sig":[1,2]}';
  const json = encodeProof(PROOF, new Map([["v2", v2]]));
  const plain = new TextDecoder().decode(encodeProof(PROOF));
  equal(new TextDecoder().decode(json), `${plain.slice(0, -1)},"v2":${v2}}`);
  deepEqual([...decodeProof(json).extensions], [["v2", v2]]);
});

test("decodeProof refuses missing and doubled members", () => {
  const parts = [ID_PART, KEY_PART, SIGNATURE_PART];
  for (const part of parts) {
    const without = members(parts.filter((other) => other !== part));
    equal(refusal(new TextEncoder().encode(without)), "truncated");
    equal(refusal(new TextEncoder().encode(members([...parts, part]))), "not_json");
  }
  equal(refusal(new TextEncoder().encode("{}")), "truncated");
  const escaped = members([...parts, ID_PART.replace("device_id", "device\\u005fid")]);
  equal(refusal(new TextEncoder().encode(escaped)), "not_json");
});

test("decodeProof refuses values of another type, length or range", () => {
  const cases: readonly [string, string, WireErrorCode][] = [
    [KEY_PART, `"verifying_key":"${ALICE.publicKey}"`, "value_out_of_range"],
    [KEY_PART, `"verifying_key":${JSON.stringify(KEY.slice(1))}`, "length_out_of_range"],
    [KEY_PART, `"verifying_key":${JSON.stringify([...KEY, 0])}`, "length_out_of_range"],
    [KEY_PART, `"verifying_key":[]`, "length_out_of_range"],
    [KEY_PART, `"verifying_key":null`, "value_out_of_range"],
    [SIGNATURE_PART, `"signature":${JSON.stringify(SIGNATURE.slice(1))}`, "length_out_of_range"],
    [SIGNATURE_PART, `"signature":${JSON.stringify([...SIGNATURE, 1])}`, "length_out_of_range"],
    [ID_PART, `"device_id":${ID.toUpperCase()}`, "value_out_of_range"],
    [ID_PART, `"device_id":"${ALICE.deviceId.toUpperCase()}"`, "value_out_of_range"],
    [ID_PART, `"device_id":"${ALICE.deviceId.slice(1)}"`, "value_out_of_range"],
    [ID_PART, `"device_id":"${ALICE.deviceId.slice(1)}g"`, "value_out_of_range"],
    [ID_PART, `"device_id":"${ALICE.deviceId}0"`, "value_out_of_range"],
    [ID_PART, `"device_id":1`, "value_out_of_range"],
  ];
  for (const first of ["256", "-1", "1.0", "1e1", "01", "999999999999", "null", '"1"', "[1]"]) {
    const rest = JSON.stringify(SIGNATURE.slice(1)).slice(1);
    const code: WireErrorCode = first === "01" ? "not_json" : "value_out_of_range";
    const value = `"signature":[${first},${rest}`;
    equal(refusalOf(SIGNATURE_PART, value), code, first);
  }
  for (const [part, instead, code] of cases) equal(refusalOf(part, instead), code, instead);
});

function refusalOf(part: string, instead: string): WireErrorCode | undefined {
  const parts = [ID_PART, KEY_PART, SIGNATURE_PART].map((one) => one === part ? instead : one);
  return refusal(new TextEncoder().encode(members(parts)));
}

test("decodeProof refuses everything that is not one JSON object", () => {
  const valid = members([ID_PART, KEY_PART, SIGNATURE_PART]);
  const wrong = ["", " ", "[]", "null", `${valid}x`, `${valid}{}`, valid.replace("{", "{,")];
  wrong.push(valid.replace("}", ",}"), valid.replace(":", " "), `[${valid}]`, `\ufeff${valid}`);
  wrong.push(
    members([`"x":"\u0001"`, valid.slice(1, -1)]),
    members([`"x":"\\x"`, valid.slice(1, -1)]),
  );
  wrong.push(members([`"x":tru`, valid.slice(1, -1)]), members([`"x":+1`, valid.slice(1, -1)]));
  wrong.push(members([`x:1`, valid.slice(1, -1)]), members([`"x":[1,]`, valid.slice(1, -1)]));
  wrong.push(members([`"x":{"a"}`, valid.slice(1, -1)]), members([`"x":[1`, valid.slice(1, -1)]));
  for (const text of wrong) equal(refusal(new TextEncoder().encode(text)), "not_json", text);
  for (let length = 0; length < valid.length; length++) {
    equal(refusal(new TextEncoder().encode(valid.slice(0, length))), "not_json", `${length}`);
  }
  const notUtf8 = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d);
  equal(refusal(notUtf8), "not_json");
});

test("decodeProof is bounded in length", () => {
  const valid = members([ID_PART, KEY_PART, SIGNATURE_PART]);
  deepEqual(decodeText(valid.padEnd(PROOF_LENGTH_MAX)), PROOF);
  equal(refusal(new TextEncoder().encode(valid.padEnd(PROOF_LENGTH_MAX + 1))), "limit_exceeded");
});

test("decodeProof passes over unknown members however deep they nest, as upstream, and checks them", () => {
  const valid = members([ID_PART, KEY_PART, SIGNATURE_PART]).slice(1, -1);
  const deepest = Math.floor((PROOF_LENGTH_MAX - valid.length - 8) / 2);
  const outcome = (text: string) =>
    refusal(new TextEncoder().encode(members([`"x":${text}`, valid])));
  for (const depth of [1, 16, 100, 127, 128, 129, deepest]) {
    const arrays = "[".repeat(depth) + "]".repeat(depth);
    deepEqual(decodeText(members([`"x":${arrays}`, valid])), PROOF);
    equal(outcome(arrays.slice(1)), "not_json");
    equal(outcome(arrays.slice(0, -1)), "not_json");
    equal(outcome(`${arrays.slice(0, -1)}}`), "not_json");
  }
  const objects = '{"a":[1,{},'.repeat(200) + "[]" + "]}".repeat(200);
  equal(outcome(objects), undefined);
  equal(outcome(objects.replace("[]]}", "[]}]")), "not_json");
  equal(outcome(objects.replace('{"a":[1,{},[]', "{a:[1,{},[]")), "not_json");
  for (const text of ["[1,2,]", "[,1]", '{"a":1,}', '{"a"}', '{"a":}', "[1 2]", '{"a":1 "b":2}']) {
    equal(outcome(text), "not_json", text);
  }
  equal(refusal(new TextEncoder().encode("[".repeat(PROOF_LENGTH_MAX))), "not_json");
});

test("decodeProof never throws anything but WireError, whatever byte is changed", () => {
  const valid = encodeProof(PROOF);
  for (let at = 0; at < valid.length; at++) {
    for (const value of [0, 0x22, 0x5b, 0x5c, 0x7b, 0x7d, 0x80, 0xff]) {
      const changed = valid.slice();
      changed[at] = value;
      refusal(changed);
    }
  }
});

/** What a decoder makes of bytes: the proof, or why and where it refuses. */
function outcome(decode: typeof decodeProof, bytes: Uint8Array): unknown {
  try {
    const { extensions, verifyingKey, signature, ...rest } = decode(bytes);
    return { ...rest, key: [...verifyingKey], signature: [...signature], more: [...extensions] };
  } catch (error) {
    if (error instanceof WireError) return [error.code, error.offset];
    throw error;
  }
}

test("decodeProof's short cut makes no difference, whatever is changed, left out or put in", () => {
  const valid = encodeProof(PROOF);
  const alike = (bytes: Uint8Array, label: string) =>
    deepEqual(outcome(decodeProof, bytes), outcome(decodeJson, bytes), label);
  const bytesTried = new TextEncoder().encode('0129,.:-+eE[]{}" \\\n\u0000\u0080af');
  for (let at = 0; at <= valid.length; at++) {
    const [before, from, behind] = [valid.slice(0, at), valid.slice(at), valid.slice(at + 1)];
    alike(before, `cut at ${at}`);
    alike(Uint8Array.of(...before, ...behind), `without ${at}`);
    for (const value of bytesTried) {
      alike(Uint8Array.of(...before, value, ...behind), `${value} at ${at}`);
      alike(Uint8Array.of(...before, value, ...from), `${value} before ${at}`);
    }
  }
});

test("plain proofs of every byte value read as JSON.parse reads them", () => {
  for (let first = 0; first < 256; first++) {
    const verifyingKey = Uint8Array.from({ length: 32 }, (_, index) => first + index * 37);
    const signature = Uint8Array.from({ length: 64 }, (_, index) => first * 5 + index);
    const proof = { deviceId: deviceIdOf(verifyingKey), verifyingKey, signature };
    const json = encodeProof(proof);
    equal(
      new TextDecoder().decode(json),
      JSON.stringify({
        device_id: proof.deviceId,
        verifying_key: [...verifyingKey],
        signature: [...signature],
      }),
    );
    deepEqual(decodeProof(json), { ...proof, extensions: new Map() });
    deepEqual(outcome(decodeProof, json), outcome(decodeJson, json));
  }
});

test("encodeProof writes what is not of the usual length or not ASCII as it is", () => {
  const odd = { ...PROOF, deviceId: "\u00e9".repeat(64), signature: Uint8Array.of(0, 99, 100) };
  const text = new TextDecoder().decode(encodeProof(odd));
  deepEqual(JSON.parse(text), {
    device_id: odd.deviceId,
    verifying_key: KEY,
    signature: [0, 99, 100],
  });
});

test("noiseStaticSecret clamps", () => {
  for (let fill = 0; fill < 20; fill++) {
    const secret = noiseStaticSecret(new Uint8Array(32).fill(fill));
    equal((secret[0] ?? 0) & 7, 0);
    equal((secret[31] ?? 0) & 0xc0, 0x40);
  }
  throws(() => decodeText("{"), WireError);
});

test("decodeProof tells a claim to another device's id as it stands: identityd judges it", () => {
  const deviceId = "0".repeat(64);
  const claim = {
    deviceId,
    verifyingKey: Uint8Array.from(KEY),
    signature: Uint8Array.from(SIGNATURE),
  };
  deepEqual(decodeProof(encodeProof(claim)), { ...claim, extensions: new Map() });
  deepEqual(decodeJson(encodeProof(claim)), { ...claim, extensions: new Map() });
});
