import type { AlgorithmName } from "../../keystored/client/algorithm.ts";
import { KeyError } from "../../keystored/client/keys_failure.ts";
import type { NexusKeys } from "../../keystored/client/nexus_keys.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { besideKeys, type KeyWorld } from "@tests/fakes/key_world.ts";
import { test } from "@tests/fakes/test.ts";
import { EXIT } from "../exit_code.ts";

const APP = "mail";
const BYTES = Uint8Array.of(1, 2, 3);
const VERSIONS = 3;

/** What one version made while it was in use, and its key id. */
interface Version {
  readonly number: number;
  readonly id: string;
  readonly signature?: Uint8Array;
  readonly sealed?: Uint8Array;
  readonly sent?: Uint8Array;
}

/** Every use of one version, tried. */
type Tries = Readonly<Record<string, (version: Version) => Promise<unknown>>>;

function triesOf(keys: NexusKeys, purpose: string, algorithm: AlgorithmName): Tries {
  const byPurpose = { app: APP, key: purpose };
  const of = ({ id }: Version) => ({ app: APP, key: id });
  const made = (bytes: Uint8Array | undefined) => bytes ?? new Uint8Array(0);
  switch (algorithm) {
    case "ed25519":
      return {
        sign: (version) => keys.sign(of(version), BYTES),
        async verify({ signature }) {
          const found = await keys.verify(byPurpose, BYTES, made(signature));
          if (found === undefined) throw new KeyError("EINVAL", "verify");
        },
      };
    case "xchacha20-poly1305":
      return {
        seal: (version) => keys.seal(of(version), { plain: BYTES }),
        unseal: ({ sealed }) => keys.unseal(byPurpose, { sealed: made(sealed) }),
        rewrap: ({ sealed }) => keys.rewrap(byPurpose, { sealed: made(sealed) }),
      };
    case "x25519":
      return {
        agree: (version) => keys.agree(of(version), new Uint8Array(32).fill(9)),
        openFrom: ({ sent }) => keys.openFrom(byPurpose, { sealed: made(sent) }),
      };
    case "hkdf-sha256":
      return { derive: (version) => keys.derive(of(version), { context: BYTES, length: 32 }) };
  }
}

/** A key of three versions, each of which has made what others verify and open. */
async function madeKey(
  keys: NexusKeys,
  purpose: string,
  algorithm: AlgorithmName,
): Promise<readonly Version[]> {
  const ref = { app: APP, key: purpose };
  const versions: Version[] = [];
  for (let number = 1; number <= VERSIONS; number++) {
    const info = number === 1
      ? await keys.create({ app: APP, purpose, algorithm })
      : await keys.rotate(ref);
    const publicKey = info.versions.at(-1)?.publicKey ?? BYTES;
    versions.push({
      ...{ number, id: info.keyId },
      ...algorithm === "ed25519" && { signature: (await keys.sign(ref, BYTES)).signature },
      ...algorithm === "xchacha20-poly1305" &&
        { sealed: (await keys.seal(ref, { plain: BYTES })).sealed },
      ...algorithm === "x25519" &&
        { sent: await keys.sealTo(APP, publicKey, { plain: BYTES }) },
    });
  }
  // Older versions may make something new again: a change then ends more than the newest one's uses.
  await keys.update(ref, { minimum: { sign: 1 } });
  return versions;
}

/** The uses that work, as `operation version`. */
async function working(tries: Tries, versions: readonly Version[]): Promise<string[]> {
  const works: string[] = [];
  for (const [operation, attempt] of Object.entries(tries)) {
    for (const version of versions) {
      try {
        await attempt(version);
        works.push(`${operation} ${version.number}`);
      } catch (error) {
        if (!(error instanceof KeyError)) throw error;
      }
    }
  }
  return works.sort();
}

const CHANGES: readonly (readonly string[])[] = [
  ["rotate"],
  ["revoke"],
  ["suspend"],
  ["retire"],
  ["destroy"],
  ["trim", "--keep", "1"],
  ["trim", "--keep", "2"],
];
const ALGORITHMS: readonly AlgorithmName[] = [
  "ed25519",
  "xchacha20-poly1305",
  "x25519",
  "hkdf-sha256",
];

/** States from which a change is made, beside the one that a key is made in. */
const BEFORE: Readonly<Record<string, (world: KeyWorld, purpose: string) => Promise<unknown>>> = {
  active: () => Promise.resolve(),
  retired: ({ keys }, key) => keys.retire({ app: APP, key }),
  suspended: ({ keys }, key) => keys.suspend({ app: APP, key }),
  limited: ({ keys }, key) =>
    keys.update({ app: APP, key }, { minimum: { sign: 2, open: 3, verify: 2 } }),
  async expired({ keys, advanceMs }, key) {
    const { changedMs } = await keys.get({ app: APP, key });
    await keys.update({ app: APP, key }, { expiresMs: changedMs + 1_000 });
    advanceMs(1_000);
  },
  async "used up"({ keys }, key) {
    const { used } = await keys.get({ app: APP, key });
    await keys.update({ app: APP, key }, { maxUses: used });
  },
};

for (const before of Object.keys(BEFORE)) {
  test(`nx key … --dry-run lists exactly what ends, of keys that are ${before}`, async () => {
    await besideKeys(async (world) => {
      let compared = 0;
      for (const algorithm of ALGORITHMS) {
        for (const [name = "", ...more] of CHANGES) {
          compared += await compare(world, { algorithm, before, argv: [name, ...more] });
        }
      }
      ok(compared > 0);
    });
  });
}

let count = 0;

/** Tries every use before and after one change. @returns Whether the change was made. */
async function compare(
  world: KeyWorld,
  { algorithm, before, argv: [name = "", ...more] }: {
    readonly algorithm: AlgorithmName;
    readonly before: string;
    readonly argv: readonly string[];
  },
): Promise<number> {
  const { keys, nx } = world;
  const purpose = `p${count++}`;
  const versions = await madeKey(keys, purpose, algorithm);
  await BEFORE[before]?.(world, purpose);
  const tries = triesOf(keys, purpose, algorithm);
  const what = `${before} ${algorithm} ${name} ${more.join(" ")}`;
  // A try that counts as a use would change what is compared, so it is made on both sides alike.
  const worked = await working(tries, versions);
  const told = await nx(name, APP, purpose, ...more, "--dry-run", "--json");
  deepEqual(await working(tries, versions), worked, `${what}: a dry run changed something`);
  const done = await nx(name, APP, purpose, ...more);
  equal(told.code, done.code, `${what}: a dry run is refused as the change is`);
  if (done.code !== EXIT.ok) return 0;
  const work = await working(tries, versions);
  const { ends } = JSON.parse(told.out) as { ends: { operation: string; version: number }[] };
  const ended = ends.map(({ operation, version }) => `${operation} ${version}`).sort();
  deepEqual(ended, worked.filter((use) => !work.includes(use)), what);
  return 1;
}

test("nx key … --dry-run tells people a line for each operation", async () => {
  await besideKeys(async ({ keys, nx }) => {
    await madeKey(keys, "letters", "ed25519");
    const { out, code } = await nx("rotate", APP, "letters", "--dry-run");
    equal(code, EXIT.ok);
    equal(
      out,
      "nx key rotate mail letters was not done\nit would end  sign by version 1, 2, 3\n",
    );
    await keys.suspend({ app: APP, key: "letters" });
    const retire = await nx("retire", APP, "letters", "--dry-run");
    ok(retire.out.includes("it would end no use of mail/letters"), retire.out);
  });
});
