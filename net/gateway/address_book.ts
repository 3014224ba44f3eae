import { assert } from "@runtime/core/assert.ts";
import { formatIpv4, type Ipv4Address, parseIpv4 } from "../wire/ipv4.ts";
import type { GatewayCounters } from "./counters.ts";
import type { GatewayLimits } from "./limits.ts";

/** The guest's network, with the addresses of QEMU's user networking. */
export const GATEWAY_ADDRESS: Ipv4Address = 0x0a000202; // 10.0.2.2
export const GUEST_ADDRESS: Ipv4Address = 0x0a00020f; // 10.0.2.15
export const GUEST_NETWORK: Ipv4Address = 0x0a000200; // 10.0.2.0
export const GUEST_PREFIX_LENGTH = 24;

const HOST_LOOPBACK = "127.0.0.1";
/** 198.18.0.0/15, which no real network uses. Source: RFC 2544, "Bi-directional traffic". */
const MAPPED_FIRST = 0xc6120001;
const MAPPED_COUNT = 0x1fffe;
const HOST_TEXT_LENGTH_MAX = 64;

interface Mapped {
  readonly host: string;
  readonly address: Ipv4Address;
  uses: number;
  pinned: boolean;
}

/**
 * Which address the guest sees for an address of the host's networks, and back.
 *
 * Most IPv4 addresses are themselves. The host's loopback is 10.0.2.2. Everything that has no
 * usable IPv4 address of its own (IPv6, and the few IPv4 ranges that mean something else to the
 * guest) gets one of 198.18.0.0/15 from a bounded table, whose entries leave in the order of their
 * last use, and never while a connection uses them or the node dials them.
 */
export class AddressBook {
  readonly #limits: GatewayLimits;
  readonly #counters: GatewayCounters;
  readonly #byHost = new Map<string, Mapped>();
  readonly #byAddress = new Map<Ipv4Address, Mapped>();
  /** Entries that may leave, the least recently used first. */
  readonly #idle = new Set<Mapped>();
  #pinned = 0;
  #next = 0;

  constructor(limits: GatewayLimits, counters: GatewayCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Entries of the table. */
  get size(): number {
    return this.#byHost.size;
  }

  /**
   * The address under which the guest reaches a host address, kept for good.
   *
   * @param host IPv4 or IPv6 as text.
   * @returns `undefined` when it is no address that can be dialled, or too many are kept.
   */
  dialled(host: string): Ipv4Address | undefined {
    const text = canonical(host);
    if (text === undefined) return undefined;
    const own = ownAddress(text);
    if (own !== undefined || text === "0.0.0.0" || text === "::") return own;
    const entry = this.#entry(text);
    if (entry === undefined) return undefined;
    if (!entry.pinned) {
      if (this.#pinned >= this.#limits.pinnedAddresses) return undefined;
      entry.pinned = true;
      this.#pinned++;
    }
    this.#idle.delete(entry);
    return entry.address;
  }

  /**
   * The address from which the guest sees a peer; every loopback address is the gateway's.
   * The caller must {@linkcode release} it.
   *
   * @returns `undefined` when the table is full of addresses in use.
   */
  holdPeer(host: string): Ipv4Address | undefined {
    const text = canonical(host);
    if (text === undefined) return undefined;
    if (loopback(text)) return GATEWAY_ADDRESS;
    return ownAddress(text) ?? this.#hold(this.#entry(text));
  }

  /**
   * The host address that a guest's packet is for, as text.
   * The caller must {@linkcode release} the same address.
   *
   * @returns `undefined` when it leads nowhere.
   */
  holdTarget(address: Ipv4Address): string | undefined {
    if (address === GATEWAY_ADDRESS) return HOST_LOOPBACK;
    if (ordinary(address)) return formatIpv4(address);
    const entry = this.#byAddress.get(address);
    this.#hold(entry);
    return entry?.host;
  }

  /** Ends one use of an address that `holdPeer` gave, or `holdTarget` took. */
  release(address: Ipv4Address): void {
    const entry = this.#byAddress.get(address);
    if (entry === undefined) return;
    assert(entry.uses > 0, "only an address in use is released");
    entry.uses--;
    this.#rest(entry);
  }

  #hold(entry: Mapped | undefined): Ipv4Address | undefined {
    if (entry === undefined) return undefined;
    entry.uses++;
    this.#idle.delete(entry);
    return entry.address;
  }

  #rest(entry: Mapped): void {
    if (entry.uses === 0 && !entry.pinned) this.#idle.add(entry);
  }

  #entry(host: string): Mapped | undefined {
    const known = this.#byHost.get(host);
    if (known !== undefined) return known;
    if (this.#byHost.size >= this.#limits.mappedAddresses && !this.#evict()) return undefined;
    const entry: Mapped = { host, address: this.#freeAddress(), uses: 0, pinned: false };
    this.#byHost.set(host, entry);
    this.#byAddress.set(entry.address, entry);
    this.#rest(entry);
    return entry;
  }

  #evict(): boolean {
    for (const entry of this.#idle) {
      this.#idle.delete(entry);
      this.#byHost.delete(entry.host);
      this.#byAddress.delete(entry.address);
      this.#counters.addressesEvicted++;
      return true;
    }
    return false;
  }

  /** Goes round the whole range, so that an address that left is not soon another host's. */
  #freeAddress(): Ipv4Address {
    for (;;) {
      const address = MAPPED_FIRST + this.#next;
      this.#next = (this.#next + 1) % MAPPED_COUNT;
      if (!this.#byAddress.has(address)) return address;
    }
  }
}

/** One spelling for each address; `undefined` for what is none. */
function canonical(host: string): string | undefined {
  if (host.length > HOST_TEXT_LENGTH_MAX) return undefined;
  const address = parseIpv4(host);
  if (address !== undefined) return formatIpv4(address);
  const [, text, zone = ""] = /^([0-9a-f:.]*:[0-9a-f:.]*)(%\w+)?$/i.exec(host) ?? [];
  const url = URL.parse(`http://[${text}]/`);
  return url === null ? undefined : url.hostname.slice(1, -1) + zone;
}

function loopback(text: string): boolean {
  return text === "::1" || text.startsWith("127.");
}

/** The address that needs no table: the gateway's for the host's loopback, or the host's own. */
function ownAddress(text: string): Ipv4Address | undefined {
  if (text === HOST_LOOPBACK) return GATEWAY_ADDRESS;
  const address = parseIpv4(text);
  return address !== undefined && ordinary(address) ? address : undefined;
}

/** Whether an address means the same host to the guest and to us. */
function ordinary(address: Ipv4Address): boolean {
  const top = address >>> 24;
  const inGuestNetwork = (address & 0xffffff00) >>> 0 === GUEST_NETWORK;
  const mapped = (address & 0xfffe0000) >>> 0 === 0xc6120000;
  return top !== 0 && top !== 127 && top < 224 && !inGuestNetwork && !mapped;
}
