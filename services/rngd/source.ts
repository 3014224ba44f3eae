import { DriverError } from "@hw/driver/error.ts";
import type { EntropyDevice } from "@hw/driver/virtio_rng.ts";
import type { Expiry } from "@hw/driver/expiry.ts";
import { HealthTests } from "./health.ts";
import { ENTROPY_LENGTH_MAX } from "./protocol.ts";

/**
 * How long one read of the device may take. Upstream gives QEMU 80 ms; here the device shares a thread
 * with everything else that the host does for a node, and a busy host holds it up for longer.
 */
export const READ_TIMEOUT_MS = 1_000;
/** Bytes that are judged and thrown away before the first is handed out. Source: SP 800-90B, 4.3. */
export const STARTUP_LENGTH = 1_024;
/** Reads that the start-up may take: a host that is busy may miss a deadline or two. */
export const STARTUP_READS_MAX = 16;

/** The device did not answer, or its bytes did not pass, before rngd was ready. */
export class EntropyUnavailable extends Error {
  override readonly name = "EntropyUnavailable";
}

/** What a source stands on. */
export interface SourcePorts {
  readonly device: EntropyDevice;
  readonly expiry: Expiry;
  /** Runs once, when a health test trips. Gets how many bytes it took, never a byte. */
  readonly failed: (evidence: { readonly judged: number }) => void;
}

/** The device behind its health tests. Once a test has tripped there is no more entropy. */
export class EntropySource {
  readonly #ports: SourcePorts;
  readonly #health = new HealthTests();

  constructor(ports: SourcePorts) {
    this.#ports = ports;
  }

  /**
   * Judges {@linkcode STARTUP_LENGTH} bytes that nobody gets.
   *
   * @returns how many bytes the device gave.
   * @throws {EntropyUnavailable} when it gave too few in time, or they did not pass.
   */
  async start(): Promise<number> {
    let drawn = 0;
    for (let reads = 0; drawn < STARTUP_LENGTH; reads++) {
      if (reads === STARTUP_READS_MAX || this.#health.failure !== undefined) {
        throw new EntropyUnavailable("The entropy device did not pass its start-up tests");
      }
      const bytes = await this.draw(Math.min(ENTROPY_LENGTH_MAX, STARTUP_LENGTH - drawn));
      drawn += bytes?.length ?? 0;
      bytes?.fill(0);
    }
    return drawn;
  }

  /** Draws `length` judged bytes; `undefined` when there are none to be had. */
  async draw(length: number): Promise<Uint8Array | undefined> {
    if (this.#health.failure !== undefined) return undefined;
    const bytes = await this.#read(length);
    if (bytes === undefined || this.#health.judge(bytes)) return bytes;
    bytes.fill(0);
    this.#ports.failed({ judged: this.#health.judged });
    return undefined;
  }

  async #read(length: number): Promise<Uint8Array | undefined> {
    const { device, expiry } = this.#ports;
    try {
      const bytes = await expiry.within(READ_TIMEOUT_MS, (expired) => device.read(length, expired));
      return bytes?.length === length ? bytes : undefined;
    } catch (error) {
      if (error instanceof DriverError) return undefined;
      throw error;
    }
  }
}
