import { fnv1a64 } from "@runtime/core/fnv.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { CAPABILITY_LENGTH_MAX, SUBJECT_LENGTH_MAX } from "@runtime/idl/policy.ts";
import { parse, TomlDate, TomlError } from "smol-toml";
import { Apps, parseApps } from "./apps.ts";
import { GrantsError } from "./grants_error.ts";

/** Longest grants text, in bytes. Source: Open Nexus OS, policy files. */
export const GRANTS_LENGTH_MAX = 64 * 1_024;
/** Subjects that one grants text names at most. */
export const SUBJECTS_MAX = 512;
/** Capabilities of one subject at most. */
export const CAPABILITIES_MAX = 64;
/** Version of the grants text. */
export const GRANTS_VERSION = 1;

/** The subject whose grants every admitted peer has. */
export const PEER_SUBJECT = "peer";

const PEER = /^peer:[0-9a-f]{64}$/;
const SUBJECT = /^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*$/;
const SECTIONS = ["version", "allow", "apps"];

/** Who may do what. There is nothing that is not written down, no wildcard and no order. */
export class Grants {
  readonly #bySubject: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #bySid: ReadonlyMap<bigint, string>;
  readonly #apps: Apps;

  constructor(bySubject: ReadonlyMap<string, ReadonlySet<string>>, apps = new Apps(new Map())) {
    this.#bySubject = bySubject;
    this.#apps = apps;
    const bySid = new Map<bigint, string>();
    for (const subject of bySubject.keys()) {
      const sid = fnv1a64(subject);
      if (bySid.has(sid)) throw new GrantsError("sid_collision", subject);
      bySid.set(sid, subject);
    }
    this.#bySid = bySid;
  }

  /** Whether the subject's line holds the capability; a peer has the common peer's line as well. */
  allows(subject: string, capability: string): boolean {
    if (this.#bySubject.get(subject)?.has(capability) === true) return true;
    return PEER.test(subject) && this.#bySubject.get(PEER_SUBJECT)?.has(capability) === true;
  }

  /** Whether what belongs to an application is the subject's to use. */
  actsFor(subject: string, app: string): boolean {
    return this.#apps.owner(app) === subject;
  }

  /** The subject behind a service id; `undefined` when no line names it. */
  nameOf(sid: bigint): string | undefined {
    return this.#bySid.get(sid);
  }

  /** Every line, for tests and for the reference page. */
  lines(): readonly (readonly [subject: string, capabilities: readonly string[]])[] {
    return [...this.#bySubject].map(([subject, held]) => [subject, [...held]]);
  }
}

/** Whether a text can be a subject: a principal's name, or `peer:` and a device id. */
export function isSubject(text: string): boolean {
  return text.length <= SUBJECT_LENGTH_MAX && (SUBJECT.test(text) || PEER.test(text));
}

/**
 * Reads a grants text.
 *
 * @param known Capabilities that may be granted.
 * @throws {GrantsError} whatever is not exactly a version and lists of known capabilities.
 */
export function parseGrants(text: string, known: ReadonlySet<string>): Grants {
  if (utf8Length(text) > GRANTS_LENGTH_MAX) throw new GrantsError("oversize");
  const root = parsedToml(text);
  const unknown = Object.keys(root).find((section) => !SECTIONS.includes(section));
  if (unknown !== undefined) throw new GrantsError("unknown_section", unknown);
  if (root["version"] !== GRANTS_VERSION) throw new GrantsError("bad_version");
  const lines = Object.entries(sectionOf(root["allow"], "allow"));
  if (lines.length > SUBJECTS_MAX) throw new GrantsError("too_many_subjects");
  return new Grants(
    new Map(lines.map(([subject, list]) => parsedLine(subject, { list, known }))),
    parseApps(sectionOf(root["apps"] ?? {}, "apps")),
  );
}

function parsedToml(text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) throw new GrantsError("not_toml");
    throw error;
  }
}

function sectionOf(value: unknown, name: string): object {
  const table = typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof TomlDate);
  if (!table) throw new GrantsError("not_a_list", name);
  return value;
}

function parsedLine(
  subject: string,
  { list, known }: { readonly list: unknown; readonly known: ReadonlySet<string> },
): [string, ReadonlySet<string>] {
  if (!isSubject(subject)) throw new GrantsError("bad_subject", subject);
  if (!Array.isArray(list)) throw new GrantsError("not_a_list", subject);
  if (list.length > CAPABILITIES_MAX) throw new GrantsError("too_many_capabilities", subject);
  const held = new Set<string>();
  for (const capability of list as readonly unknown[]) {
    if (typeof capability !== "string") throw new GrantsError("not_text", subject);
    if (capability.length > CAPABILITY_LENGTH_MAX) {
      throw new GrantsError("capability_too_long", subject);
    }
    if (!known.has(capability)) throw new GrantsError("unknown_capability", subject);
    if (held.has(capability)) throw new GrantsError("duplicate_capability", subject);
    held.add(capability);
  }
  return [subject, held];
}
