import { toHex } from "@runtime/core/hex.ts";
import type { KeyInfo, KeySummary, KeyVersionInfo } from "../../keystored/client/key_info.ts";
import { hasPublicHalf } from "../../keystored/client/public_key_text.ts";
import { secondText } from "../moment.ts";
import { printable, table } from "../output.ts";

/** Keys as a table. */
export function tableOfKeys(keys: readonly KeySummary[]): readonly string[] {
  const heads = ["APP", "PURPOSE", "ALGORITHM", "STATE", "VERSION", "EXPIRES", "KEY ID", "LABEL"];
  return table(
    heads,
    keys.map(({ app, purpose, algorithm, state, version, expiresMs, keyId, label }) => [
      ...[app, purpose, algorithm, state, `${version}`],
      ...[expiresMs === undefined ? "never" : secondText(expiresMs), keyId, printable(label)],
    ]),
  );
}

/** Everything that is told of a key, for people. */
export function linesOfKey(info: KeyInfo): readonly string[] {
  const { app, purpose, algorithm, uses, label, creator, createdMs, expiresMs } = info;
  const { sign, open, verify } = info.minimum;
  const source = [info.imported ? ", imported" : "", info.test ? ", of a test: no secret" : ""];
  return [
    `key        ${app}/${purpose}`,
    `algorithm  ${algorithm}, for ${uses.join(", ")}`,
    `state      ${stateText(info)}`,
    ...label === "" ? [] : [`label      ${printable(label)}`],
    `created    ${secondText(createdMs)} by ${printable(creator)}${source.join("")}`,
    `expires    ${expiresMs === undefined ? "never" : secondText(expiresMs)}`,
    `used       ${usedText(info)}`,
    `least      version ${sign} signs and seals, ${open} opens, ${verify} verifies`,
    ...info.versions.flatMap((version) => linesOfVersion(info, version)),
  ];
}

function linesOfVersion({ algorithm }: KeyInfo, version: KeyVersionInfo): readonly string[] {
  const half = hasPublicHalf(algorithm) ? "public key" : "commitment";
  return [
    `version ${version.version} of ${secondText(version.createdMs)}`,
    `  key id      ${version.keyId}`,
    `  ${half}  ${toHex(version.publicKey)}`,
  ];
}

function stateText({ state, changedMs, destroyMs }: KeyInfo): string {
  const since = `${state}, since ${secondText(changedMs)}`;
  return destroyMs === undefined ? since : `${since}; its secrets go on ${secondText(destroyMs)}`;
}

function usedText({ used, maxUses, lastUsedMs }: KeyInfo): string {
  const count = maxUses === undefined ? `${used} times` : `${used} of ${maxUses} times`;
  return lastUsedMs === undefined ? count : `${count}, last on ${secondText(lastUsedMs)}`;
}

/** A key in a list, for programs. */
export function factsOfSummary(
  { expiresMs, ...summary }: KeySummary,
): Readonly<Record<string, unknown>> {
  return { ...summary, expiresMs: expiresMs ?? null };
}

/** Everything that is told of a key, for programs. */
export function factsOfKey(
  { destroyMs, maxUses, lastUsedMs, versions, ...info }: KeyInfo,
): Readonly<Record<string, unknown>> {
  return {
    ...factsOfSummary(info),
    ...{ destroyMs: destroyMs ?? null, maxUses: maxUses ?? null, lastUsedMs: lastUsedMs ?? null },
    versions: versions.map(({ publicKey, ...version }) => ({
      ...version,
      publicKey: toHex(publicKey),
    })),
  };
}
