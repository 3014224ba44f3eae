import { isRecord } from "../core/record.ts";
import type { RightMove } from "../kernel/crossing.ts";
import type { Evidence } from "./component.ts";
import { ENDPOINT_LENGTH_MAX } from "./protocol.ts";
import type { BootError, CallerPlace, IsolateStats, QueueStats, TaskStats } from "./isolate.ts";

/** News over the control wire, in the other direction. */
export type News =
  | readonly ["began", string]
  | readonly ["failed", string, BootError["code"]]
  | readonly ["proved", string, string, Readonly<Record<string, Evidence>>, number]
  | readonly ["faulted", string, string]
  | readonly ["garbled", CallerPlace]
  | readonly ["alive", IsolateStats]
  | readonly ["moved", RightMove]
  | readonly ["ended", number]
  | readonly ["violated", number];

/** Longest text in a piece of news. */
const TEXT_LENGTH_MAX = 512;

/** Reads a piece of news; `undefined` for what no kernel's entry would say. */
export function newsOf(message: unknown): News | undefined {
  if (!Array.isArray(message)) return undefined;
  const [kind, first, second, third, fourth]: readonly unknown[] = message;
  switch (kind) {
    case "began":
      return isText(first) ? [kind, first] : undefined;
    case "failed":
      return isText(first) && isFailure(second) ? [kind, first, second] : undefined;
    case "faulted":
      return isText(first) && isText(second) ? [kind, first, second] : undefined;
    case "proved": {
      const fits = isText(first) && isText(second) && isEvidence(third) && Number.isInteger(fourth);
      return fits ? [kind, first, second, third, Number(fourth)] : undefined;
    }
    case "garbled":
      return isCaller(first) ? [kind, first] : undefined;
    case "alive":
      return isStats(first) ? [kind, first] : undefined;
    case "moved":
      return isMove(first) ? [kind, first] : undefined;
    case "ended":
    case "violated":
      return Number.isInteger(first) ? [kind, Number(first)] : undefined;
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_LENGTH_MAX;
}

function isFailure(value: unknown): value is BootError["code"] {
  return value === "daemon_faulted" || value === "no_space";
}

/** Pieces of evidence with one marker. */
const EVIDENCE_MAX = 16;

function isEvidence(value: unknown): value is Readonly<Record<string, Evidence>> {
  if (!isRecord(value)) return false;
  const shown = Object.values(value);
  return shown.length <= EVIDENCE_MAX &&
    shown.every((each) => isText(each) || typeof each === "number" || isShort(each));
}

/** Bytes of the boot's own: over memory that is shared they could change after a look at them. */
function isShort(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer &&
    value.length <= TEXT_LENGTH_MAX;
}

function isCaller(value: unknown): value is CallerPlace {
  return isRecord(value) && isText(value["task"]) && isText(value["key"]);
}

/** Daemons that one isolate may tell of, and endpoints of each. */
const TOLD_MAX = 64;

function isStats(value: unknown): value is IsolateStats {
  if (!isRecord(value)) return false;
  const { memoryBytes, tasks } = value;
  return (memoryBytes === null || isCount(memoryBytes)) && isList(tasks, isTaskStats);
}

function isTaskStats(value: unknown): value is TaskStats {
  if (!isRecord(value) || !isText(value["task"]) || !isRecord(value["rights"])) return false;
  const rights = ["send", "receive", "vmo", "mmio"].map((kind) =>
    Reflect.get(value["rights"] as object, kind)
  );
  return isCount(value["frames"]) && [value["busyNs"], value["ageNs"]].every(isDuration) &&
    rights.every(isSmall) && isList(value["queues"], isQueueStats);
}

function isQueueStats(value: unknown): value is QueueStats {
  return isRecord(value) && isEndpoint(value["endpoint"]) && isSmall(value["waiting"]) &&
    isSmall(value["depth"]);
}

function isList<T>(value: unknown, each: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.length <= TOLD_MAX && value.every(each);
}

function isEndpoint(value: unknown): boolean {
  return isText(value) && /^[!-~]+$/.test(value) && value.length <= ENDPOINT_LENGTH_MAX;
}

/** What an overview can tell on: whole, and no larger than its field. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isSmall(value: unknown): boolean {
  return isCount(value) && value <= 0xffff;
}

/** Nanoseconds of a clock that may tell parts of one. */
function isDuration(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function isMove(value: unknown): value is RightMove {
  return isRecord(value) &&
    ["via", "ticket", "exported", "depth"].every((key) => Number.isInteger(value[key]));
}
