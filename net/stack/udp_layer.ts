import { IPV4_HEADER_LENGTH, type Ipv4Fields, PROTOCOL_UDP } from "../wire/ipv4.ts";
import { putUdp, UDP_HEADER_LENGTH, type UdpFields, udpFields } from "../wire/udp.ts";
import type { Datagram, Endpoint, UdpHandler, UdpSent, UdpSocket } from "./interface.ts";
import type { StackLimits } from "./limits.ts";
import type { Network } from "./network.ts";

/** A bound port. Datagrams wait in a queue bounded by count and by bytes; more are dropped. */
class BoundUdp implements UdpSocket {
  readonly port: number;
  readonly address: number | undefined;
  onChange: (() => void) | undefined = undefined;
  dropped = 0;
  readonly #layer: UdpLayer;
  readonly #queue: Datagram[] = [];
  #queuedBytes = 0;

  constructor(layer: UdpLayer, options: { readonly port: number; readonly address?: number }) {
    this.#layer = layer;
    this.port = options.port;
    this.address = options.address;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  receive(): Datagram | undefined {
    const datagram = this.#queue.shift();
    if (datagram !== undefined) this.#queuedBytes -= datagram.payload.length;
    return datagram;
  }

  send(remote: Endpoint, payload: Uint8Array): UdpSent {
    const address = this.address ?? this.#layer.network.sourceFor(remote.address) ?? 0;
    return this.#layer.send({ address, port: this.port }, remote, payload);
  }

  close(): void {
    this.#layer.unbind(this);
  }

  /** Queues a datagram. Returns whether there was room. */
  take(datagram: Datagram): boolean {
    const { udpQueueCount, udpQueueBytes } = this.#layer.limits;
    const bytes = this.#queuedBytes + datagram.payload.length;
    if (this.#queue.length >= udpQueueCount || bytes > udpQueueBytes) {
      this.dropped++;
      return false;
    }
    this.#queuedBytes = bytes;
    this.#queue.push({ ...datagram, payload: datagram.payload.slice() });
    return true;
  }
}

/** UDP: ports, and what goes to ports that nobody has. */
export class UdpLayer {
  readonly network: Network;
  readonly limits: StackLimits;
  readonly #sockets: BoundUdp[] = [];
  readonly #fields: UdpFields = udpFields();
  #handler: UdpHandler | undefined;
  #ringing: BoundUdp[] = [];

  constructor(network: Network, limits: StackLimits) {
    this.network = network;
    this.limits = limits;
  }

  /** Where `receive` expects the parsed datagram. */
  get fields(): UdpFields {
    return this.#fields;
  }

  get count(): number {
    return this.#sockets.length;
  }

  onDatagram(handler: UdpHandler | undefined): void {
    this.#handler = handler;
  }

  bind(
    options: { readonly port: number; readonly address?: number },
  ): UdpSocket | "in_use" | "limit" {
    const taken = this.#sockets.some((other) =>
      other.port === options.port &&
      (other.address === undefined || options.address === undefined ||
        other.address === options.address)
    );
    if (taken) return "in_use";
    if (this.#sockets.length >= this.limits.udpSockets) return "limit";
    const socket = new BoundUdp(this, options);
    this.#sockets.push(socket);
    return socket;
  }

  unbind(socket: BoundUdp): void {
    const index = this.#sockets.indexOf(socket);
    if (index >= 0) this.#sockets.splice(index, 1);
  }

  send(local: Endpoint, remote: Endpoint, payload: Uint8Array): UdpSent {
    const length = UDP_HEADER_LENGTH + payload.length;
    if (IPV4_HEADER_LENGTH + length > this.network.mtu) return "too_large";
    const { address: source } = local;
    const { address: target } = remote;
    const packet = this.network.queue({ source, target, protocol: PROTOCOL_UDP, length });
    if (typeof packet === "string") return packet;
    packet.set(payload, IPV4_HEADER_LENGTH + UDP_HEADER_LENGTH);
    const ports = { sourcePort: local.port, targetPort: remote.port };
    putUdp(packet, IPV4_HEADER_LENGTH, { source, target, ...ports, length });
    this.network.counters.udpSent++;
    return "ok";
  }

  /** Takes the datagram that `packet` carries. Returns whether anybody had its port. */
  receive(frame: Uint8Array, packet: Readonly<Ipv4Fields>): boolean {
    const { sourcePort, targetPort, payloadStart, payloadEnd } = this.#fields;
    const { counters } = this.network;
    counters.udpReceived++;
    const payload = frame.subarray(payloadStart, payloadEnd);
    const local = { address: packet.target, port: targetPort };
    const remote = { address: packet.source, port: sourcePort };
    const socket = this.#socketFor(local);
    if (socket !== undefined) {
      const taken = socket.take({ remote, target: packet.target, payload });
      if (!taken) counters.udpDropped++;
      else if (!this.#ringing.includes(socket)) this.#ringing.push(socket);
      return true;
    }
    if (this.#handler === undefined) {
      counters.udpDropped++;
      return false;
    }
    this.#handler(local, remote, payload);
    return true;
  }

  notify(): void {
    if (this.#ringing.length === 0) return;
    const ringing = this.#ringing;
    this.#ringing = [];
    for (const socket of ringing) socket.onChange?.();
  }

  #socketFor(local: Endpoint): BoundUdp | undefined {
    const broadcast = this.network.broadcast(local.address);
    return this.#sockets.find((socket) =>
      socket.port === local.port &&
      (socket.address === undefined || broadcast || socket.address === local.address)
    );
  }
}
