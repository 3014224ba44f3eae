/**
 * What a key does, said a second time: no crypto, no store, no table. A test runs it beside keystored.
 *
 * @module
 */

export type Operation =
  | "get"
  | "create"
  | "rotate"
  | "trim"
  | "update"
  | "suspend"
  | "resume"
  | "retire"
  | "revoke"
  | "destroy"
  | "cancelDestroy"
  | "sign"
  | "verify"
  | "seal"
  | "unseal";

const MAKES: ReadonlySet<Operation> = new Set(["sign", "seal", "rotate"]);
const LOOKS_BACK: ReadonlySet<Operation> = new Set(["verify", "unseal"]);
const COUNTED: ReadonlySet<Operation> = new Set(["sign", "seal", "unseal"]);
const SETS_STATE: Readonly<Partial<Record<Operation, string>>> = {
  ...{ suspend: "suspended", resume: "active", retire: "retired" },
};

/** A key. Times are milliseconds, 0 for none. */
export interface ModelKey {
  state: string;
  /** Where calling it back leads. */
  before: string;
  versions: number[];
  changedMs: number;
  expiresMs: number;
  destroyMs: number;
  usesMax: number;
  used: number;
  lastUsedMs: number;
  minSign: number;
  minOpen: number;
  minVerify: number;
  /** What of it is on the disk: counters are behind. */
  kept: { used: number; lastUsedMs: number };
}

/** What an operation is asked with. */
export interface Asked {
  readonly number?: number;
  readonly change?: Partial<ModelKey>;
  /** Version that made what is looked at. */
  readonly madeBy?: number;
}

export class Model {
  readonly keys = new Map<string, ModelKey>();
  readonly #inMemory = new Set<string>();
  #latestMs = 0;
  clockMs: number;

  constructor(clockMs: number) {
    this.clockMs = clockMs;
  }

  /** The next boot begins, and what was not written is gone. */
  restart(): void {
    for (const key of this.keys.values()) Object.assign(key, key.kept);
    this.#inMemory.clear();
    this.#latestMs = 0;
  }

  /** Counters are written, and ends come. */
  tend(): void {
    for (const [name, key] of this.keys) {
      if (key.state === "destroying") this.#touch(name);
      if (this.#inMemory.has(name)) this.#keep(key);
    }
  }

  /** @returns The status of the reply; the key is as it is afterwards. */
  does(operation: Operation, name: string, asked: Asked = {}): string {
    const key = this.#touch(name);
    const { number = 0 } = asked;
    if (operation === "trim" && number < 1) return "EINVAL";
    if (operation === "destroy" && number < 1_000) return "EINVAL";
    if (key === undefined || (key.state === "destroyed" && operation === "create")) {
      return operation === "create" ? this.#create(name, asked) : "ENOENT";
    }
    const status = this.#judged(key, operation);
    if (status !== "ok") return status;
    if (COUNTED.has(operation)) return this.#use(key, operation, asked);
    if (operation === "verify") return "ok";
    return operation === "get" ? "ok" : this.#change(key, operation, asked);
  }

  #now(): number {
    return this.#latestMs = Math.max(this.#latestMs, this.clockMs);
  }

  #touch(name: string): ModelKey | undefined {
    const key = this.keys.get(name);
    if (key === undefined) return undefined;
    if (!this.#inMemory.has(name)) {
      this.#latestMs = Math.max(this.#latestMs, key.changedMs, key.lastUsedMs);
    }
    this.#inMemory.add(name);
    this.#now();
    if (key.state === "destroying" && this.#now() >= key.destroyMs) {
      const versions = key.versions.slice(-1);
      Object.assign(key, { state: "destroyed", versions, destroyMs: 0, changedMs: this.#now() });
      this.#keep(key);
    }
    return key;
  }

  #keep(key: ModelKey): void {
    key.kept = { used: key.used, lastUsedMs: key.lastUsedMs };
  }

  #create(name: string, { change = {} }: Asked): string {
    const [newest = 0] = this.keys.get(name)?.versions.slice(-1) ?? [];
    this.#inMemory.add(name);
    this.keys.set(name, {
      ...{ state: "active", before: "active", versions: [newest + 1], changedMs: this.#now() },
      ...{ expiresMs: 0, destroyMs: 0, usesMax: 0, used: 0, lastUsedMs: 0 },
      ...{ minSign: 1, minOpen: 1, minVerify: 1, kept: { used: 0, lastUsedMs: 0 } },
      ...change,
    });
    return "ok";
  }

  #judged({ state, expiresMs }: ModelKey, operation: Operation): string {
    if (operation === "get") return "ok";
    if (operation === "create") return "EALREADY";
    if (state === "destroyed") return "ENOENT";
    if (state === "destroying") {
      if (operation === "destroy") return "EALREADY";
      return operation === "revoke" || operation === "cancelDestroy" ? "ok" : "EKEYREVOKED";
    }
    if (operation === "destroy") return "ok";
    if (operation === "cancelDestroy") return "EINVAL";
    if (state === "revoked") return operation === "revoke" ? "EALREADY" : "EKEYREVOKED";
    if (SETS_STATE[operation] === state) return "EALREADY";
    const turns = operation === "suspend" || operation === "resume";
    if (state === "retired") return MAKES.has(operation) || turns ? "EPERM" : "ok";
    const uses = MAKES.has(operation) || LOOKS_BACK.has(operation);
    if (state === "suspended") return uses ? "EPERM" : "ok";
    const over = expiresMs > 0 && this.#now() >= expiresMs;
    return over && MAKES.has(operation) ? "EEXPIRED" : "ok";
  }

  #use(key: ModelKey, operation: Operation, { madeBy }: Asked): string {
    const limited = key.usesMax > 0;
    if (limited && key.used >= key.usesMax) return "EDQUOTA";
    const [newest = 0] = key.versions.slice(-1);
    if (operation === "unseal") {
      if (madeBy === undefined || !key.versions.includes(madeBy)) return "EINVAL";
      if (madeBy < key.minOpen) return "EEXPIRED";
    } else if (newest < key.minSign) return "EEXPIRED";
    key.used += 1;
    key.lastUsedMs = this.#now();
    if (limited) this.#keep(key);
    return "ok";
  }

  #change(key: ModelKey, operation: Operation, { number = 0, change = {} }: Asked): string {
    const [newest = 0] = key.versions.slice(-1);
    if (operation === "rotate") {
      if (key.versions.length >= 32) return "EDQUOTA";
      key.versions = [...key.versions, newest + 1];
      key.minSign = newest + 1;
    } else if (operation === "trim") {
      if (number >= key.versions.length) return "EALREADY";
      key.versions = key.versions.slice(-number);
    } else if (operation === "update") {
      const { minSign = 1, minOpen = 1, minVerify = 1 } = change;
      if ([minSign, minOpen, minVerify].some((least) => least < 1 || least > newest)) {
        return "EINVAL";
      }
      Object.assign(key, change);
    } else if (operation === "destroy") {
      Object.assign(key, { before: key.state, state: "destroying" });
      key.destroyMs = this.#now() + number;
    } else if (operation === "cancelDestroy") {
      Object.assign(key, { state: key.before, destroyMs: 0 });
    } else if (operation === "revoke" && key.state === "destroying") key.before = "revoked";
    else key.state = SETS_STATE[operation] ?? "revoked";
    key.changedMs = this.#now();
    this.#keep(key);
    return "ok";
  }
}
