import type { MachinePorts } from "../core/ports.ts";
import type { Client } from "../idl/client.ts";
import type { BootPorts } from "./boot_ports.ts";
import { type AnyComponent, DEVICE_CAPABILITY } from "./component.ts";
import { BootError, type Isolate } from "./isolate.ts";
import type { decider } from "./protocol.ts";

/** A device right that must be refused, as proof that the boot asks. Source: daemon-wire.md 1.3. */
export const PROOF_OF_DENIAL = { subject: "netstackd", capability: "device.mmio.input" };

/** What the boot hands devices out by. */
export interface GrantPorts {
  readonly machine: MachinePorts;
  readonly keys: BootPorts["keys"];
  /** The boot's own way to policyd. */
  readonly policy: () => Client<typeof decider>;
}

/** Hands devices to the daemons that use them, as far as policy allows each. */
export class DeviceGrants {
  readonly #ports: GrantPorts;

  constructor(ports: GrantPorts) {
    this.#ports = ports;
  }

  /** @throws {BootError} `device_missing`, `device_denied`. */
  async grant({ name, uses }: AnyComponent, isolate: Isolate): Promise<void> {
    for (const [key, used] of Object.entries(uses)) {
      const device = this.#ports.machine.devices.find((candidate) => candidate.name === used);
      if (device === undefined) throw new BootError("device_missing", name);
      await this.#permit(name, device.name, DEVICE_CAPABILITY[used]);
      isolate.grant(name, key, device);
    }
  }

  /** The key that the host holds for a daemon. @throws {BootError} `key_missing`, `key_denied`. */
  async key(
    { name, keyCapability }: AnyComponent,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (keyCapability === undefined) return undefined;
    const take = this.#ports.keys?.[name];
    if (take === undefined) throw new BootError("key_missing", name);
    if (!await this.#allows(name, "key", keyCapability)) throw new BootError("key_denied", name);
    return take();
  }

  /** Asks for a device that nobody may have. @throws {BootError} `device_denied` unless it is denied. */
  async refuse(): Promise<void> {
    const { subject, capability } = PROOF_OF_DENIAL;
    const ask = { subject, capability, operation: "init.grant", target: "" };
    const { status } = await this.#ports.policy().decide(ask);
    if (status !== "denied") throw new BootError("device_denied", subject);
  }

  async #permit(subject: string, target: string, capability: string): Promise<void> {
    if (await this.#allows(subject, target, capability)) return;
    throw new BootError("device_denied", subject);
  }

  async #allows(subject: string, target: string, capability: string): Promise<boolean> {
    const ask = { subject, capability, operation: "init.grant", target };
    return (await this.#ports.policy().decide(ask)).status === "ok";
  }
}
