/**
 * SoftHSM2 by its PKCS#11 interface: Ed25519 signatures a second, one thread.
 *
 * Source: PKCS #11 Cryptographic Token Interface v3.0, "EdDSA"; the attribute and mechanism numbers.
 *
 * @module
 */

const LIBRARIES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
];
const CKF_RW_SERIAL = 6n;
const CKU_USER = 1n;
const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055n;
const CKM_EDDSA = 0x1057n;
const CKA_SIGN = 0x108n;
const CKA_EC_PARAMS = 0x180n;
/** PrintableString "edwards25519". */
const EDWARDS25519 = Uint8Array.from([0x13, 0x0c, ...new TextEncoder().encode("edwards25519")]);
const PIN = new TextEncoder().encode("1234");
const COUNT = 20_000;
const SIGNATURE_LENGTH = 64;

const SYMBOLS = {
  C_Initialize: { parameters: ["pointer"], result: "u64" },
  C_GetSlotList: { parameters: ["u8", "buffer", "buffer"], result: "u64" },
  C_OpenSession: { parameters: ["u64", "u64", "pointer", "pointer", "buffer"], result: "u64" },
  C_Login: { parameters: ["u64", "u64", "buffer", "u64"], result: "u64" },
  C_GenerateKeyPair: {
    parameters: ["u64", "buffer", "buffer", "u64", "buffer", "u64", "buffer", "buffer"],
    result: "u64",
  },
  C_SignInit: { parameters: ["u64", "buffer", "u64"], result: "u64" },
  C_Sign: { parameters: ["u64", "buffer", "u64", "buffer", "buffer"], result: "u64" },
} as const;

/** Signatures a second of 32 bytes; `undefined` where SoftHSM2 is not installed. */
export async function softHsmRate(): Promise<number | undefined> {
  const path = LIBRARIES.find((each) => present(each));
  if (path === undefined || !present("/usr/bin/softhsm2-util")) return undefined;
  const folder = await Deno.makeTempDir({ prefix: "nx-softhsm-" });
  await Deno.mkdir(`${folder}/tokens`);
  const config = `${folder}/softhsm2.conf`;
  await Deno.writeTextFile(config, `directories.tokendir = ${folder}/tokens\nlog.level = ERROR\n`);
  Deno.env.set("SOFTHSM2_CONF", config);
  const pins = ["--so-pin", "1234", "--pin", "1234"];
  const args = ["--init-token", "--free", "--label", "bench", ...pins];
  await new Deno.Command("softhsm2-util", { args, stdout: "null" }).output();
  try {
    return measured(Deno.dlopen(path, SYMBOLS).symbols);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

function measured(calls: Calls): number {
  done(calls.C_Initialize(null));
  const slots = new BigUint64Array(8);
  done(calls.C_GetSlotList(1, slots, BigUint64Array.of(8n)));
  const session = new BigUint64Array(1);
  done(calls.C_OpenSession(slots[0] ?? 0n, CKF_RW_SERIAL, null, null, session));
  const handle = session[0] ?? 0n;
  done(calls.C_Login(handle, CKU_USER, PIN, BigInt(PIN.length)));
  const key = keyPair(calls, handle);
  const message = new Uint8Array(32).fill(1);
  const signature = new Uint8Array(SIGNATURE_LENGTH);
  const mechanism = BigUint64Array.of(CKM_EDDSA, 0n, 0n);
  const began = performance.now();
  for (let count = 0; count < COUNT; count++) {
    done(calls.C_SignInit(handle, mechanism, key));
    const length = BigUint64Array.of(BigInt(SIGNATURE_LENGTH));
    done(calls.C_Sign(handle, message, BigInt(message.length), signature, length));
  }
  return 1000 * COUNT / (performance.now() - began);
}

function keyPair(calls: Calls, session: bigint): bigint {
  const yes = Uint8Array.of(1);
  const publicTemplate = template([CKA_EC_PARAMS, EDWARDS25519]);
  const privateTemplate = template([CKA_SIGN, yes]);
  const [verifying, signing] = [new BigUint64Array(1), new BigUint64Array(1)];
  done(calls.C_GenerateKeyPair(
    session,
    BigUint64Array.of(CKM_EC_EDWARDS_KEY_PAIR_GEN, 0n, 0n),
    publicTemplate,
    1n,
    privateTemplate,
    1n,
    verifying,
    signing,
  ));
  return signing[0] ?? 0n;
}

/** One CK_ATTRIBUTE: type, pointer, length. */
function template(
  [type, value]: readonly [bigint, Uint8Array<ArrayBuffer>],
): BigUint64Array<ArrayBuffer> {
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(value));
  return BigUint64Array.of(type, BigInt(address), BigInt(value.length));
}

function done(result: bigint): void {
  if (result !== 0n) throw new Error(`PKCS#11 says 0x${result.toString(16)}`);
}

function present(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
