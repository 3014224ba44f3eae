/**
 * What a refusal of keystored means for who asked, and what to do about it. The key is looked at, where
 * that is allowed: a code alone does not say whether a key is suspended or policy is against it.
 *
 * @module
 */

import {
  AAD_LENGTH_MAX,
  CONTEXT_LENGTH_MAX,
  DERIVED_LENGTH_MAX,
  DERIVED_LENGTH_MIN,
  LABEL_LENGTH_MAX,
  MESSAGE_LENGTH_MAX,
  PLAIN_LENGTH_MAX,
} from "../../keystored/client/key_limits.ts";
import type { AlgorithmName, KeyUse } from "../../keystored/client/algorithm.ts";
import type { KeyInfo } from "../../keystored/client/key_info.ts";
import { KeyError, KeysUnavailable } from "../../keystored/client/keys_failure.ts";
import { KEY_OPERATIONS, type KeyOperation, LIFECYCLE } from "../../keystored/client/lifecycle.ts";
import type { NexusKeys } from "../../keystored/client/nexus_keys.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { secondText } from "../moment.ts";

/** What was asked, and when. */
export interface Refused {
  readonly app: string;
  /** A purpose or a key id; `undefined` of what concerns no single key. */
  readonly key?: string | undefined;
  /** When what was to be opened says that it expires, in milliseconds since the Unix epoch. */
  readonly sealedUntilMs?: number | undefined;
  /** What was asked of keystored, where that stood for something else: a change that was not made. */
  readonly operation?: KeyOperation;
  readonly nowMs: number;
}

/** What a refusal says. */
type Facts = Pick<KeyError, "code" | "operation" | "used" | "limit">;

/** What an operation takes a key of. */
interface Need {
  readonly algorithm: AlgorithmName;
  readonly use?: KeyUse;
  /** Which of the key's least versions holds. */
  readonly least: "sign" | "open" | "verify";
}

const NEEDS: Readonly<Record<string, Need>> = {
  sign: { algorithm: "ed25519", use: "sign", least: "sign" },
  verify: { algorithm: "ed25519", least: "verify" },
  seal: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "sign" },
  unseal: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "open" },
  rewrap: { algorithm: "xchacha20-poly1305", use: "decrypt", least: "open" },
  agree: { algorithm: "x25519", use: "agree", least: "sign" },
  derive: { algorithm: "hkdf-sha256", use: "derive", least: "open" },
  openFrom: { algorithm: "x25519", use: "decrypt", least: "open" },
};

const BOUNDS: Readonly<Record<string, string>> = {
  sign: `a message has at most ${MESSAGE_LENGTH_MAX} bytes`,
  verify: `a message has at most ${MESSAGE_LENGTH_MAX} bytes`,
  derive: `a context has at most ${CONTEXT_LENGTH_MAX} bytes`,
};
const BOUNDS_OF_SEALS = `a plaintext has at most ${PLAIN_LENGTH_MAX} bytes, the data bound to it ` +
  `${AAD_LENGTH_MAX}, a label ${LABEL_LENGTH_MAX}`;

/** What an answer that did not come means. */
export function unavailable({ reason, operation }: KeysUnavailable): CommandFailure {
  const after = "whether it was done is not known; see nx key show";
  switch (reason) {
    case "no_reply":
      return new CommandFailure(EXIT.timedOut, `${operation}: no answer in time; ${after}`);
    case "gone":
      return new CommandFailure(
        EXIT.failed,
        `${operation}: the node ended, or ended this; ${after}`,
      );
    case "garbled":
      return new CommandFailure(
        EXIT.failed,
        `${operation}: the node is of another version; restart it`,
      );
    case "damaged":
      return new CommandFailure(
        EXIT.failed,
        `${operation}: the key is there and does not open; see nx log --scope keystored`,
      );
    case "unavailable":
      return new CommandFailure(
        EXIT.failed,
        `${operation}: its store or its entropy did not do its part; see nx log, then nx key show`,
      );
  }
}

/** The failure that a refusal is told by. */
export async function explained(
  error: KeyError,
  keys: Pick<NexusKeys, "get">,
  asked: Refused,
): Promise<CommandFailure> {
  const { app, key, operation = error.operation } = asked;
  const { used, limit } = error;
  const name = key === undefined ? app : `${app}/${key}`;
  const info = key === undefined ? undefined : await lookedAt(keys, { app, key });
  const { code, text } = told({ code: error.code, operation, used, limit }, { ...asked, info });
  return new CommandFailure(code, `${name}: ${text} (${error.code})`);
}

async function lookedAt(
  keys: Pick<NexusKeys, "get">,
  ref: { readonly app: string; readonly key: string },
): Promise<KeyInfo | undefined> {
  try {
    return await keys.get(ref);
  } catch (error) {
    if (error instanceof KeyError || error instanceof KeysUnavailable) return undefined;
    throw error;
  }
}

interface Case extends Refused {
  readonly info: KeyInfo | undefined;
}

interface Told {
  readonly code: number;
  readonly text: string;
}

function told(error: Facts, about: Case): Told {
  const failed = (text: string) => ({ code: EXIT.failed, text });
  switch (error.code) {
    case "EPERM":
      return notAllowed(error, about);
    case "ENOENT":
      return { code: EXIT.notFound, text: absent(about) };
    case "EALREADY":
      return failed(already(error, about));
    case "EKEYREVOKED":
      return failed(ended(about));
    case "EINVAL":
      return failed(senseless(error, about));
    case "E2BIG":
      return { code: EXIT.usage, text: `too long: ${BOUNDS[error.operation] ?? BOUNDS_OF_SEALS}` };
    case "EDQUOTA":
      return failed(full(error, about));
    case "EEXPIRED":
      return failed(expired(error, about));
  }
}

function notAllowed({ operation }: Facts, { app, key, info }: Case): Told {
  const use = NEEDS[operation]?.use;
  const command = `nx key resume ${app} ${key}`;
  if (info?.state === "suspended") {
    const text = `the key is suspended; ${command} takes it into use again`;
    return { code: EXIT.failed, text };
  }
  if (info?.state === "retired") {
    const text =
      "the key is retired: it verifies and opens what there is, and makes nothing new; " +
      "create one for another purpose";
    return { code: EXIT.failed, text };
  }
  if (info !== undefined && use !== undefined && !info.uses.includes(use)) {
    const text = `the key is not for "${use}", and a key's uses never change; ` +
      `create one with --use ${use}`;
    return { code: EXIT.failed, text };
  }
  const text = `policy denies ${operation} to nx-cli, which has every application that no daemon ` +
    "has; see nx log --audit";
  return { code: EXIT.denied, text };
}

function absent({ app, info }: Case): string {
  if (info?.state !== "destroyed") return `there is no such key; see nx key list ${app}`;
  return `it was destroyed on ${secondText(info.changedMs)}, and its secrets are gone; ` +
    "nx key create makes another one";
}

function already({ operation }: Facts, { app, key, info }: Case): string {
  if (operation === "create" || operation === "importKey") {
    return `there is a key for that; nx key rotate ${app} ${key} adds a version`;
  }
  if (operation === "trim" || info === undefined) return "it is so already";
  return `it is ${info.state} already`;
}

function ended({ app, key, info }: Case): string {
  if (info?.destroyMs === undefined) {
    const when = info === undefined ? "" : ` on ${secondText(info.changedMs)}`;
    return `the key was revoked${when}, for good; create one for another purpose`;
  }
  return `the key waits for its destruction on ${secondText(info.destroyMs)}; ` +
    `nx key cancel-destroy ${app} ${key} calls it back`;
}

function senseless({ operation }: Facts, { info }: Case): string {
  const need = NEEDS[operation];
  if (need !== undefined && info !== undefined && info.algorithm !== need.algorithm) {
    return `it is a key of ${info.algorithm}; this takes one of ${need.algorithm}`;
  }
  switch (operation) {
    case "unseal":
    case "rewrap":
    case "openFrom":
      return "does not open: it was made for another key or version, with other bound data, or " +
        "its bytes were changed; nx key inspect shows what it says of itself";
    case "agree":
    case "sealTo":
      return "that is no X25519 public key to agree with: points of low order are refused";
    case "derive":
      return `${DERIVED_LENGTH_MIN} to ${DERIVED_LENGTH_MAX} bytes are derived at a time`;
    case "update":
      return `a least version is 1 to ${info?.version ?? "the newest"}, and an end no later ` +
        "than the year 9999";
    case "cancelDestroy":
      return `nothing to call back: it is ${info?.state ?? "not waiting for its destruction"}`;
    case "create":
      return "keys of this algorithm have no such use, or the end is later than the year 9999";
    default:
      return "that makes no sense for this key; see nx key show";
  }
}

function full({ operation, used, limit }: Facts, { app, key }: Case): string {
  const reached = limit === undefined ? "a bound is reached" : `${used} of ${limit} are taken`;
  if (operation === "create") return `no room for another key: ${reached}`;
  if (operation === "rotate") {
    return `no room for another version: ${reached}; nx key trim ${app} ${key} makes some`;
  }
  if (NEEDS[operation] === undefined) return `no room to keep it: ${reached}`;
  return `used up: ${reached}; nx key update ${app} ${key} --max-uses raises the limit`;
}

function expired({ operation }: Facts, { app, key, info, nowMs, sealedUntilMs }: Case): string {
  const need = NEEDS[operation];
  const least = need === undefined ? undefined : info?.minimum[need.least];
  if (sealedUntilMs !== undefined && nowMs >= sealedUntilMs) {
    return `it was to be opened until ${secondText(sealedUntilMs)}; ask for it anew`;
  }
  const row = KEY_OPERATIONS.find((each) => each === operation);
  const ends = row !== undefined && LIFECYCLE[row].expired === "EEXPIRED";
  if (ends && info?.expiresMs !== undefined && nowMs >= info.expiresMs) {
    return `the key's time was over on ${secondText(info.expiresMs)}; ` +
      `nx key update ${app} ${key} --expires gives it another`;
  }
  const option = `--min-${need?.least ?? "sign"}`;
  return `that version is below ${least ?? "the least"}, the least that may do this; ` +
    `name a newer one, or lower it with nx key update ${option}`;
}
