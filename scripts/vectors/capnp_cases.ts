/**
 * The messages that the reference tool is asked for, in its own text form: written by hand, so that
 * no value passes through this project's encoder.
 *
 * @module
 */

/** Messages of one schema: by struct, then by what the message shows. */
export type CapnpCases = Readonly<Record<string, Readonly<Record<string, string>>>>;

const DEVICE_ID = "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e";
/** One letter of each length in UTF-8: 2, 3 and 4 bytes. */
const LETTERS = "\u00e4\u20ac\u{1f600}";

/** Data that differs from its neighbours, as the tool takes it. */
function data(length: number, first = 0): string {
  const bytes = Array.from({ length }, (_, index) => (first + index * 31 + (index >> 8)) & 0xff);
  return `0x"${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/** A list of as many texts as are allowed, of 0, 1, 2 and on bytes, the last at the bound. */
function texts(): string {
  const lengths = Array.from({ length: 64 }, (_, index) => index === 63 ? 64 : index);
  return `[${lengths.map((length) => `"${"abcdefgh".repeat(8).slice(0, length)}"`).join(", ")}]`;
}

const DSOFTBUS: CapnpCases = {
  Announce: {
    "every field empty": '(deviceId = "", services = [], port = 0)',
    "two services":
      `(deviceId = "${DEVICE_ID}", services = ["samgrd", "bundlemgrd"], port = 37020)`,
    "one empty service": '(deviceId = "abc", services = [""], port = 1)',
    "letters beyond ASCII":
      `(deviceId = "${LETTERS}", services = ["${LETTERS}", "", "\u00e4"], port = 65535)`,
    "64 services": `(deviceId = "${DEVICE_ID}", services = ${texts()}, port = 34567)`,
  },
  ConnectRequest: {
    "every field empty": '(deviceId = "")',
    "a device id": `(deviceId = "${DEVICE_ID}")`,
    "seven bytes and the NUL": '(deviceId = "1234567")',
    "eight bytes and the NUL": '(deviceId = "12345678")',
    "letters beyond ASCII": `(deviceId = "${LETTERS}")`,
  },
  ConnectResponse: { "ok": "(ok = true)" },
  Frame: {
    "every field empty": '(chan = 0, bytes = "")',
    "a channel and no bytes": '(chan = 7, bytes = "")',
    "a channel alone": "(chan = 7)",
    "ping": '(chan = 1, bytes = "ping")',
    "sixteen bytes": '(chan = 7, bytes = "0123456789abcdef")',
    "the last channel and a byte": '(chan = 4294967295, bytes = 0x"ff")',
    "seven bytes": `(chan = 2147483649, bytes = ${data(7)})`,
    "eight bytes": `(chan = 1, bytes = ${data(8)})`,
    "nine bytes": `(chan = 1, bytes = ${data(9)})`,
    "a thousand bytes": `(chan = 2, bytes = ${data(1_000)})`,
  },
};

const SAMGR: CapnpCases = {
  RegisterRequest: {
    "every field empty": '(name = "", endpoint = 0)',
    "a name": '(name = "samgrd", endpoint = 9)',
    "letters beyond ASCII": `(name = "${LETTERS}", endpoint = 4294967295)`,
  },
  RegisterResponse: { "ok": "(ok = true)" },
  ResolveRequest: {
    "every field empty": '(name = "")',
    "a name": '(name = "netstackd")',
    "escapes": '(name = "\\"\\\\\\n\\t\\x01\\x7f")',
  },
  ResolveResponse: {
    "found": "(endpoint = 5, found = true)",
    "an endpoint alone": "(endpoint = 4294967295)",
  },
  Heartbeat: { "an endpoint": "(endpoint = 16909060)" },
};

const IDENTITY: CapnpCases = {
  GetDeviceIdRequest: {},
  GetDeviceIdResponse: {
    "every field empty": '(deviceId = "")',
    "a device id": `(deviceId = "${DEVICE_ID}")`,
  },
  SignRequest: {
    "every field empty": '(payload = "")',
    "a payload": '(payload = "hello")',
    "the longest payload": `(payload = ${data(8_000)})`,
  },
  SignResponse: {
    "every field empty": '(ok = false, signature = "")',
    "a signature": `(ok = true, signature = ${data(64, 1)})`,
  },
  VerifyRequest: {
    "every field empty": '(payload = "", signature = "", verifyingKey = "")',
    "every field": `(payload = ${data(100)}, signature = ${data(64, 1)}, ` +
      `verifyingKey = ${data(32, 2)})`,
    "the middle field": `(payload = "", signature = ${data(64, 3)}, verifyingKey = "")`,
  },
  VerifyResponse: { "valid": "(valid = true)" },
  VerifyProofRequest: {
    "every field empty":
      '(role = client, noiseStatic = "", deviceId = "", verifyingKey = "", signature = "")',
    "a server's proof":
      `(role = server, noiseStatic = ${data(32, 1)}, deviceId = "${DEVICE_ID}", ` +
      `verifyingKey = ${data(32, 2)}, signature = ${data(64, 3)})`,
  },
  VerifyProofResponse: { "valid": "(valid = true)" },
};

const KEYSTORED: CapnpCases = {
  GetAnchorsRequest: {},
  GetAnchorsResponse: {
    "every field empty": "(anchors = [])",
    "two anchors": `(anchors = ["${LETTERS}", "device"])`,
    "64 anchors": `(anchors = ${texts()})`,
  },
  VerifyRequest: {
    "every field empty": '(anchorId = "", payload = "", signature = "")',
    "every field": `(anchorId = "device", payload = ${data(33)}, signature = ${data(64, 1)})`,
  },
  VerifyResponse: { "ok": "(ok = true)" },
  DeviceIdRequest: {},
  DeviceIdResponse: {
    "every field empty": '(id = "")',
    "a device id": `(id = "${DEVICE_ID}")`,
  },
  IsKeyAllowedRequest: {
    "every field empty": '(publisher = "", alg = "", pubkey = "")',
    "every field": `(publisher = "${LETTERS}", alg = "ed25519", pubkey = ${data(32, 5)})`,
  },
  IsKeyAllowedResponse: {
    "every field empty": '(allowed = false, reason = "")',
    "allowed": '(allowed = true, reason = "allow")',
  },
};

const POLICYD: CapnpCases = {
  CheckRequest: {
    "every field empty": '(subject = "", requiredCaps = [])',
    "two capabilities": '(subject = "nx-cli", requiredCaps = ["rng.entropy", "identity.key.sign"])',
    "64 capabilities": `(subject = "${LETTERS}", requiredCaps = ${texts()})`,
  },
  CheckResponse: {
    "every field empty": "(allowed = false, missing = [])",
    "allowed": "(allowed = true, missing = [])",
    "one is missing": '(allowed = false, missing = ["rng.entropy"])',
  },
};

const LOG: CapnpCases = {
  AppendRequest: {
    "every field empty": '(level = error, scope = "", message = "", fields = "")',
    "every field": `(level = warn, scope = "${LETTERS}", message = "${LETTERS.repeat(20)}", ` +
      `fields = ${data(64)})`,
    "the last level": '(level = trace, scope = "s", message = "m", fields = 0x"00")',
    "the longest fields": `(level = info, scope = "logd", message = "full", fields = ${data(512)})`,
  },
  AppendResponse: {
    "small numbers": "(ok = true, recordId = 1, dropped = 2)",
    "the largest numbers":
      "(ok = true, recordId = 18446744073709551615, dropped = 9223372036854775808)",
  },
  QueryRequest: {
    "small numbers": "(sinceNsec = 72623859790382856, maxCount = 258)",
    "the largest numbers": "(sinceNsec = 18446744073709551615, maxCount = 65535)",
  },
  StatsRequest: {},
  StatsResponse: {
    "four numbers": "(totalRecords = 72623859790382856, droppedRecords = 9007199254740993, " +
      "capacityRecords = 1024, capacityBytes = 4294967295)",
  },
};

/** By the schema's file name. Beside these, every struct has a message that says nothing: `()`. */
export const CAPNP_CASES: Readonly<Record<string, CapnpCases>> = {
  dsoftbus: DSOFTBUS,
  samgr: SAMGR,
  identity: IDENTITY,
  keystored: KEYSTORED,
  policyd: POLICYD,
  log: LOG,
};
