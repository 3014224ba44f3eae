/**
 * Ports: everything that reaches code from outside itself. No other module may name the clock, the
 * entropy source, a disk, a socket or a console; `main.ts` builds these and hands them in.
 *
 * @module
 */

/** Time, both kinds. */
export interface Clock {
  /** Nanoseconds since the node started, monotonic, an integer exact for 104 days. */
  nowNs(): number;
  /** Milliseconds since the Unix epoch. May jump: never used for a deadline. */
  unixMs(): number;
}

/** The host's event loop, as the kernel and the gateway see it. */
export interface Turns {
  /** Runs `work` once, no earlier than `atNs` on the clock. Returns what cancels it. */
  at(atNs: number, work: () => void): () => void;
  /** Runs `work` after everything that is ready now, in a later turn that lets host I/O in. */
  later(work: () => void): void;
}

/** One device's registers: all that a driver can touch of the machine. Offsets in bytes. */
export interface MmioWindow {
  /** Size of the window in bytes. */
  readonly length: number;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
}

/** Guest RAM that one device and its driver share, and nobody else. */
export interface DmaRegion {
  /** Guest-physical address of the first byte. */
  readonly base: number;
  /** The region's bytes, over a SharedArrayBuffer of exactly this size. */
  readonly bytes: Uint8Array;
}

/** One interrupt line as its driver sees it. */
export interface Irq {
  /** Resolves at the next interrupt, or at once when one is pending. */
  wait(): Promise<void>;
  /** Tells the controller that the interrupt was handled. */
  complete(): void;
}

/** Host entropy behind virtio-rng. */
export interface EntropySource {
  /** Fills from the front of `bytes`. Returns how many bytes it filled, 0..`bytes.length`. */
  fill(bytes: Uint8Array): number;
}

/** How an operation on a {@linkcode Disk} ended. `no_space`: the host has no room for the bytes. */
export type DiskStatus = "ok" | "io_error" | "no_space";

/**
 * What stands behind a virtio-blk device, in sectors of 512 bytes. A range is whole sectors inside
 * the disk. Operations take effect in the order of their calls, and a failure of the host is a status
 * and never a rejection. Nothing that needs to write is asked of a disk that is `readOnly`.
 */
export interface Disk {
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** At most 20 letters of ASCII. */
  readonly id: string;
  /** Fills all of `into` from `sector` on. */
  read(sector: number, into: Uint8Array): Promise<DiskStatus>;
  /** Writes `bytes`, which stay as they are until it resolves. They may be lost until a flush. */
  write(sector: number, bytes: Uint8Array): Promise<DiskStatus>;
  /** Makes every write durable that was answered before the call. */
  flush(): Promise<DiskStatus>;
  /** The sectors' bytes are of no use any more; they read as anything until they are written. */
  discard(sector: number, count: number): Promise<DiskStatus>;
  writeZeroes(sector: number, count: number): Promise<DiskStatus>;
}

/** What a node's `/state` stands on: a disk, the key of the values on it, and keystored's own. */
export interface NodeState {
  readonly disk: Disk;
  /** Whether it outlives the node. */
  readonly persists: boolean;
  /** Which image the disk must hold, 16 bytes; any unless said. */
  readonly imageId?: Uint8Array | undefined;
  /** The largest sequence of the image that was seen outside it. */
  readonly sequenceMin?: bigint | undefined;
  /** The device that booted on it before, as 64 hex digits; any, or a new one, unless said. */
  readonly deviceId?: string | undefined;
  /** The record key: a copy for each call, 32 bytes. */
  recordKey(): Uint8Array<ArrayBuffer>;
  /** The key under which keystored keeps its own: the same. */
  keystoreKey(): Uint8Array<ArrayBuffer>;
}

/**
 * The TCP or UDP checksum that a frame does not have yet: its field holds the sum of the pseudo
 * header, and the rest is still to be added. One object serves every frame.
 */
export interface PartialChecksum {
  /** Offset in the frame of the first byte to add; 0 when the frame's checksum is complete. */
  start: number;
  /** Offset of the checksum field from `start`, in bytes. */
  offset: number;
}

/** What is plugged into a virtio-net device. Frames are Ethernet, without FCS. */
export interface Link {
  /** Largest IP packet that the link carries, in bytes: 68..65535. */
  readonly mtu: number;
  /**
   * `offloaded`: the far end is in this process and does without checksums of TCP and UDP. Other
   * links carry complete frames, and neither call below is given or gives a partial checksum.
   */
  readonly checksums?: "offloaded";
  /** Names whom to tell when {@linkcode receive} has a frame again. */
  attach(port: LinkPort): void;
  /**
   * Takes a frame from the machine. The bytes are valid during the call only.
   *
   * @param checksum What is left of the frame's checksum, inside the frame.
   */
  transmit(frame: Uint8Array, checksum?: Readonly<PartialChecksum>): void;
  /**
   * Writes the next frame for the machine into `into`.
   *
   * @param checksum Allows a partial checksum, and gets what is left of it; its `start` is 0 at the
   *   call. Without it frames are complete.
   * @returns its length in bytes; 0 when there is none. A frame longer than `into` is dropped.
   */
  receive(into: Uint8Array, checksum?: PartialChecksum): number;
}

/** The network card's side of a {@linkcode Link}. */
export interface LinkPort {
  /** The link has at least one frame. May be called at any time, also from `transmit`. */
  available(): void;
}

/**
 * One end of a channel between two isolates of the node. What is posted arrives as a copy, in order;
 * nothing is ever shared but {@linkcode cells}, which only kernel code holds.
 */
export interface Wire {
  /** A few words that both ends see. */
  readonly cells: Int32Array;
  /** Memory for a ring, where much is to pass. */
  readonly ring?: SharedArrayBuffer | undefined;
  /** Names who hears. What came before is heard afterwards, never during this call. */
  listen(hear: (message: unknown) => void): void;
  /** @param moved Buffers, and ends of wires, that leave this isolate instead of being copied. */
  post(message: unknown, moved?: readonly (ArrayBuffer | WireEnd)[]): void;
  /** The other end hears nothing any more. */
  close(): void;
}

/** An end of a wire on its way to the isolate that will use it. */
export interface WireEnd {
  /** What the host moves between its isolates; opaque to everybody else. */
  readonly port: object;
  readonly cells: SharedArrayBuffer;
  readonly ring?: SharedArrayBuffer | undefined;
}

/** Makes and opens wires. */
export interface Wires {
  /** @param ringLength Bytes of memory for a ring, 0 for none. */
  pair(ringLength?: number): readonly [WireEnd, WireEnd];
  open(end: WireEnd): Wire;
}

/** An isolate of its own, as its starter sees it. */
export interface StartedIsolate {
  /** One cell: which of its daemons was resumed last, from 1 in the order of spawning; 0 at first. */
  readonly activity: Int32Array;
  /** Carries the boot's orders there, and what happens there back. */
  readonly control: Wire;
  /** Ends it. A loop in it that never yields goes on, cut off from everything. */
  terminate(): void;
}

/** Starts isolates that have nothing in their hands but what comes over {@linkcode StartedIsolate}. */
export interface Isolates {
  readonly wires: Wires;
  /** @param failed Something in it was thrown that nobody caught. The text never holds bytes of a frame. */
  start(name: string, failed: (reason: string) => void): StartedIsolate;
}

/** Where the console's bytes go. */
export interface Console {
  write(bytes: Uint8Array): void;
}

/** Why a host socket could not be opened or ended. */
export type HostSocketError =
  | "address_in_use"
  | "address_not_available"
  | "aborted"
  | "not_found"
  | "permission_denied"
  | "refused"
  | "reset"
  | "timed_out"
  | "too_many"
  | "unreachable"
  | "failed";

/** An address on the host: text form of IPv4 or IPv6, or a name where a call says so. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

/** Events of one byte stream of the host. Each runs to its end before the next one starts. */
export interface HostStreamObserver {
  /** The connection that was asked for stands. Never called for accepted ones. */
  opened(): void;
  /**
   * Bytes have come, valid during the call only.
   *
   * @returns how many were taken. When fewer than offered, reading stops and the rest is offered
   *   again after `resume()`.
   */
  data(bytes: Uint8Array): number;
  /** The peer will send no more (its FIN). */
  ended(): void;
  /** After a `write` that took less than offered: there is room again. */
  writable(): void;
  /** The connection is over and no further event follows; `undefined` is an orderly close. */
  closed(error: HostSocketError | undefined): void;
}

/** One byte stream of the host, both ways: a TCP connection, or one on a Unix socket. */
export interface HostStream {
  /** Must be called once, at once. Events start in a later turn. */
  observe(observer: HostStreamObserver): void;
  /**
   * Queues bytes (they are copied).
   *
   * @returns how many were taken; when fewer than offered, `writable` follows.
   */
  write(bytes: Uint8Array): number;
  /** Offers again what `data` left, and reads on. */
  resume(): void;
  /** Sends FIN after everything queued. */
  end(): void;
  /** Sends RST where the runtime can, and drops everything queued. `closed("aborted")` follows. */
  reset(): void;
}

/** One TCP connection of the host. */
export interface HostTcp extends HostStream {
  /** The host's own end. Of a connection that is asked for, known from `opened` on. */
  readonly local: HostAddress;
  readonly remote: HostAddress;
}

/** A host port that accepts. */
export interface HostListener {
  readonly local: HostAddress;
  /** Stops accepting; resolves when the port is free. Connections already accepted live on. */
  close(): Promise<void>;
}

/** One UDP socket of the host. */
export interface HostUdp {
  readonly local: HostAddress;
  /** Sends one datagram; losses are silent, as on a network. */
  send(bytes: Uint8Array, to: HostAddress): void;
  /** Resolves when the port is free. */
  close(): Promise<void>;
}

/** The host's sockets, as the gateway uses them. */
export interface HostSockets {
  /** @throws {HostSocketFailure} when the port cannot be had. */
  listenTcp(at: HostAddress, accept: (connection: HostTcp) => void): Promise<HostListener>;
  /** Starts to connect. `opened` or `closed` tells how it went. */
  connectTcp(to: HostAddress): HostTcp;
  /** @throws {HostSocketFailure} when the port cannot be had. */
  bindUdp(
    at: HostAddress,
    received: (bytes: Uint8Array, from: HostAddress) => void,
  ): Promise<HostUdp>;
  /**
   * Addresses of a host name, in the order to try them, as text; a text address is its own answer.
   * Empty when there is none.
   */
  lookup(name: string): Promise<readonly string[]>;
}

/** A path on the host that accepts. */
export interface UnixListener {
  /** Stops accepting and removes the path. Connections already accepted live on. */
  close(): Promise<void>;
}

/** The host's Unix stream sockets. */
export interface UnixSockets {
  /**
   * Listens at a path that must not exist yet.
   *
   * @throws {HostSocketFailure} with the path as `host` when it cannot be had.
   */
  listen(path: string, accept: (stream: HostStream) => void): Promise<UnixListener>;
  /** Starts to connect. `opened` or `closed` tells how it went. */
  connect(path: string): HostStream;
}

/** A host socket that could not be opened: which address, and why. */
export class HostSocketFailure extends Error {
  override readonly name = "HostSocketFailure";
  readonly code: HostSocketError;
  readonly address: HostAddress;

  /** @param options As `cause` what the host said, for whoever can read that. */
  constructor(code: HostSocketError, address: HostAddress, options?: ErrorOptions) {
    super(`Cannot open ${address.host}:${address.port}: ${code}`, options);
    this.code = code;
    this.address = address;
  }
}

/** The platform interrupt controller, as the kernel (the hart's trap handler) drives it. */
export interface InterruptController {
  /** Lets a source interrupt. */
  enable(source: number): void;
  /** Takes the highest-priority pending source; 0 when there is none. */
  claim(): number;
  /** Ends the handling of a claimed source; a line still high becomes pending again. */
  complete(source: number): void;
  /** Names what to run when the external-interrupt line rises. May run inside a register write. */
  onPending(trap: () => void): void;
}

/** Registers of 32 bits, by offset, in which a device says why it interrupts. */
export interface InterruptRegisters {
  /** Reads as the reasons that stand, a bit each. */
  readonly status: number;
  /** A bit written here takes that reason back, and the line falls with the last one. */
  readonly acknowledge: number;
}

/** A device of the machine, as the boot finds it on the bus. */
export interface MachineDevice {
  /** `virtio-rng`, `virtio-net`, … */
  readonly name: string;
  /** Guest-physical base and length of its registers, in bytes. */
  readonly base: number;
  readonly length: number;
  /** Interrupt source at the controller. */
  readonly irq: number;
  /** Its registers. */
  readonly window: MmioWindow;
  /** Offset of the register that only rings: a write there changes nothing that can be read back. */
  readonly doorbell?: number | undefined;
  readonly interrupt?: InterruptRegisters | undefined;
  /** The RAM region that this device alone may reach. */
  readonly dma: DmaRegion;
}

/** What the kernel needs of a machine. */
export interface MachinePorts {
  readonly devices: readonly MachineDevice[];
  readonly interrupts: InterruptController;
  /** Prints through the UART. */
  readonly uart: Console;
}
