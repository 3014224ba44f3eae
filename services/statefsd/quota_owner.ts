/**
 * Whom a value is charged to.
 *
 * Source: `docs/state_format.md`, "Quotas".
 *
 * @module
 */

import { reserved } from "./path.ts";
import { putLength } from "./record.ts";
import type { StoredValue } from "./value_index.ts";

/** What the store keeps for itself and its administrator: never refused for a quota. */
const STORE_FOLDER = "/state/statefsd/";
const LIMITS_FOLDER = "/state/statefsd/quota/";
const SUBJECT = "subject:";
const APP = "app:";
/** The folders of applications. A name with a path behind it is an application's id. */
const APP_PATH = /^\/state\/(?:app|apps|keystore)\/([^/]+)\//;

/** Bytes by which a write changes what an owner takes. */
export interface Growth {
  readonly total: number;
  /** Of values that may be refused. */
  readonly refusable: number;
}

/** The growth of each owner that a write concerns. */
export type Growths = ReadonlyMap<string, Growth>;

/** Value before and after a write, by key. */
export type Steps = Iterable<readonly [string, StoredValue | undefined, StoredValue | undefined]>;

/** Whom a write charges, and to whom it gives back. */
export function growthsOf(steps: Steps): Growths {
  const growths = new Map<string, Growth>();
  for (const [key, before, after] of steps) {
    for (const owner of ownersOf(key, before)) add(growths, owner, -chargeOf(key, before), key);
    for (const owner of ownersOf(key, after)) add(growths, owner, chargeOf(key, after), key);
  }
  return growths;
}

function add(growths: Map<string, Growth>, owner: string, bytes: number, key: string): void {
  const { total, refusable } = growths.get(owner) ?? { total: 0, refusable: 0 };
  const counted = key.startsWith(STORE_FOLDER) ? 0 : bytes;
  growths.set(owner, { total: total + bytes, refusable: refusable + counted });
}

/** The subject that wrote a value, and the application that its path belongs to. */
export function ownersOf(key: string, value: StoredValue | undefined): readonly string[] {
  if (value === undefined || reserved(key)) return [];
  const app = APP_PATH.exec(key)?.[1];
  const owners = value.subject === "" ? [] : [SUBJECT + value.subject];
  if (app !== undefined) owners.push(APP + app);
  return owners;
}

/** Bytes that a value takes in the log. */
export function chargeOf(key: string, value: StoredValue | undefined): number {
  return value === undefined ? 0 : putLength(key, value.stored.length);
}

/** Whether an owner is an application; otherwise it is a subject. */
export function isApp(owner: string): boolean {
  return owner.startsWith(APP);
}

/** Whose limits a path holds: what follows the folder, right or wrong. */
export function limitsOwner(key: string): string | undefined {
  return key.startsWith(LIMITS_FOLDER) ? key.slice(LIMITS_FOLDER.length) : undefined;
}

/** Where the limits of an owner lie. */
export function limitsPath(owner: string): string {
  return LIMITS_FOLDER + owner;
}

/** Whether a text names an owner. */
export function namesOwner(owner: string): boolean {
  return [SUBJECT, APP].some((kind) => owner.startsWith(kind) && owner.length > kind.length);
}

/** Whether limits can be given to an owner of this name: no writer, no application has a slash in it. */
export function mayHaveLimits(owner: string): boolean {
  return namesOwner(owner) && !owner.includes("/");
}
