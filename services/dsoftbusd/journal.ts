import { formatIpv4 } from "@net/wire/ipv4.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Client } from "@runtime/idl/client.ts";
import { LEVELS, type logdV2 } from "../logd/protocol.ts";
import type { Refusal, RefusalReason } from "./refusal.ts";

/** Refusals written to the journal in one second; the rest are counted. */
const WRITTEN_PER_SECOND_MAX = 8;
const INFO = LEVELS.indexOf("info");
const WARN = LEVELS.indexOf("warn");

/** Counts refusals by cause and writes some of them to logd: a flood must not flood the journal. */
export class BusJournal {
  readonly #logd: Client<typeof logdV2>;
  readonly #clock: Clock;
  readonly #counts = new Map<RefusalReason, number>();
  #second = 0;
  #written = 0;

  constructor(logd: Client<typeof logdV2>, clock: Clock) {
    this.#logd = logd;
    this.#clock = clock;
  }

  /** How often each cause came up. */
  get counts(): ReadonlyMap<RefusalReason, number> {
    return this.#counts;
  }

  /** A connection was refused, or a dial failed. */
  refused(
    { reason, peer }: Refusal,
    { address, port }: { readonly address: number; readonly port: number },
  ): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (!this.#mayWrite()) return;
    const claimed = peer === undefined ? "" : `claimed=${peer}\n`;
    this.#write(WARN, `refused ${reason}`, `${claimed}from=${formatIpv4(address)}:${port}\n`);
  }

  /** A session began or ended. */
  session(message: string, deviceId: string): void {
    if (this.#mayWrite()) this.#write(INFO, message, `peer=${deviceId}\n`);
  }

  /** The answer of logd is not waited for: the journal is not what decides. */
  #write(level: number, message: string, fields: string): void {
    this.#logd.append({ level, scope: "dsoftbusd", message, fields });
  }

  #mayWrite(): boolean {
    const second = Math.floor(this.#clock.nowNs() / 1e9);
    if (second !== this.#second) this.#written = 0;
    this.#second = second;
    this.#written += 1;
    return this.#written <= WRITTEN_PER_SECOND_MAX;
  }
}
