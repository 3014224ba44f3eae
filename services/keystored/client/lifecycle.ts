/**
 * The life of a key: which operation does what in which state. Everything runs from this table:
 * keystored decides by it, `docs/identity/keystore.md` prints it, and a test tries every cell.
 *
 * @module
 */

import type { KeyErrorCode } from "./key_error.ts";

/** States of a key, by their number in records. A state is the key's, not a version's. */
export const KEY_STATES = [
  "active",
  "suspended",
  "retired",
  "revoked",
  "destroying",
  "destroyed",
] as const;
/** One of {@linkcode KEY_STATES}. */
export type KeyState = typeof KEY_STATES[number];

/** What a column of the table stands for: a state, or an active key whose time is over. */
export const CONDITIONS = [...KEY_STATES, "expired"] as const;
export type Condition = typeof CONDITIONS[number];

/** Operations on a key that is there, in the order of the table. */
export const KEY_OPERATIONS = [
  "get",
  "sign",
  "verify",
  "seal",
  "unseal",
  "rewrap",
  "agree",
  "derive",
  "openFrom",
  "rotate",
  "update",
  "trim",
  "suspend",
  "resume",
  "retire",
  "revoke",
  "destroy",
  "cancelDestroy",
  "create",
] as const;
/** One of {@linkcode KEY_OPERATIONS}. */
export type KeyOperation = typeof KEY_OPERATIONS[number];

/** What comes of it. */
export type Cell = "ok" | KeyErrorCode;

type Row = Readonly<Record<Condition, Cell>>;

function row(cells: readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell]): Row {
  const [active, suspended, retired, revoked, destroying, destroyed, expired] = cells;
  return { active, suspended, retired, revoked, destroying, destroyed, expired };
}

const GONE = "EKEYREVOKED";
/** Makes something new that bears the key. */
const PRODUCES = row(["ok", "EPERM", "EPERM", GONE, GONE, "ENOENT", "EEXPIRED"]);
/** Checks or opens what was made while the key was in force. */
const CONSUMES = row(["ok", "EPERM", "ok", GONE, GONE, "ENOENT", "ok"]);
const CHANGES = row(["ok", "ok", "ok", GONE, GONE, "ENOENT", "ok"]);

/** The table. */
export const LIFECYCLE: Readonly<Record<KeyOperation, Row>> = {
  get: row(["ok", "ok", "ok", "ok", "ok", "ok", "ok"]),
  sign: PRODUCES,
  verify: CONSUMES,
  seal: PRODUCES,
  unseal: CONSUMES,
  rewrap: PRODUCES,
  agree: PRODUCES,
  derive: CONSUMES,
  openFrom: CONSUMES,
  rotate: PRODUCES,
  update: CHANGES,
  trim: CHANGES,
  suspend: row(["ok", "EALREADY", "EPERM", GONE, GONE, "ENOENT", "ok"]),
  resume: row(["EALREADY", "ok", "EPERM", GONE, GONE, "ENOENT", "EALREADY"]),
  retire: row(["ok", "ok", "EALREADY", GONE, GONE, "ENOENT", "ok"]),
  revoke: row(["ok", "ok", "ok", "EALREADY", "ok", "ENOENT", "ok"]),
  destroy: row(["ok", "ok", "ok", "ok", "EALREADY", "ENOENT", "ok"]),
  cancelDestroy: row(["EINVAL", "EINVAL", "EINVAL", "EINVAL", "ok", "ENOENT", "EINVAL"]),
  create: row([
    "EALREADY",
    "EALREADY",
    "EALREADY",
    "EALREADY",
    "EALREADY",
    "ok",
    "EALREADY",
  ]),
};

/** States that operations lead to. The other operations leave the state as it is. */
const LEADS_TO = {
  suspend: "suspended",
  resume: "active",
  retire: "retired",
  revoke: "revoked",
  destroy: "destroying",
  create: "active",
} as const satisfies Readonly<Partial<Record<KeyOperation, KeyState>>>;

/** A key's state, and the one that it had before somebody wanted it destroyed. */
export interface Life {
  readonly state: KeyState;
  /** Where `cancelDestroy` leads; the state itself unless the key is being destroyed. */
  readonly before: KeyState;
}

/** The column of a key. @param expired Whether its time is over. */
export function conditionOf(state: KeyState, expired: boolean): Condition {
  return state === "active" && expired ? "expired" : state;
}

/** A key's life after an operation that the table allows. */
export function lifeAfter({ state, before }: Life, operation: KeyOperation): Life {
  if (operation === "cancelDestroy") return { state: before, before };
  // A key that is revoked while it waits for its end comes back as revoked, or not at all.
  if (operation === "revoke" && state === "destroying") return { state, before: "revoked" };
  if (!Object.hasOwn(LEADS_TO, operation)) return { state, before };
  const next = LEADS_TO[operation as keyof typeof LEADS_TO]; // one of its keys
  return { state: next, before: next === "destroying" ? state : next };
}
