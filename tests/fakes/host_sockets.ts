import { assert } from "@runtime/core/assert.ts";
import {
  type HostAddress,
  type HostListener,
  type HostSocketError,
  HostSocketFailure,
  type HostSockets,
  type HostStreamObserver,
  type HostTcp,
  type HostUdp,
  type Turns,
} from "@runtime/core/ports.ts";

/** Bytes that one end of a connection holds for the other, as a host's socket buffers do. */
export const FAKE_BUFFER_BYTES = 65_536;
const FIRST_EPHEMERAL_PORT = 40_000;

/** A host's sockets in memory: what one end sends, the other gets in a later turn. */
export interface FakeHostSockets extends HostSockets {
  /** Connects with a source address of the test's choice. */
  connectFrom(from: HostAddress, to: HostAddress): HostTcp;
  /** Makes a connect to this host fail, or (`silent`) never be answered. */
  fail(host: string, how: HostSocketError | "silent"): void;
  /** Connections, listeners and UDP sockets that are open. */
  count(): number;
}

/** @param turns Runs every event in a turn of its own. */
export function fakeHostSockets(turns: Turns): FakeHostSockets {
  return new World(turns);
}

class World implements FakeHostSockets {
  readonly turns: Turns;
  readonly ends = new Set<FakeTcp>();
  readonly #listeners = new Map<string, (tcp: HostTcp) => void>();
  readonly #udp = new Map<number, (bytes: Uint8Array, from: HostAddress) => void>();
  readonly #failing = new Map<string, HostSocketError | "silent">();
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(turns: Turns) {
    this.turns = turns;
  }

  connectTcp(to: HostAddress): HostTcp {
    return this.connectFrom({ host: "127.0.0.1", port: this.#nextPort++ }, to);
  }

  connectFrom(from: HostAddress, to: HostAddress): HostTcp {
    const near = new FakeTcp(this, from, to);
    const how = this.#failing.get(to.host);
    if (how === "silent") return near;
    const accept = this.#listeners.get(nameOf(to));
    if (how !== undefined || accept === undefined) near.close(how ?? "refused");
    else this.turns.later(() => near.meet(new FakeTcp(this, to, from), accept));
    return near;
  }

  listenTcp(at: HostAddress, accept: (tcp: HostTcp) => void): Promise<HostListener> {
    const local = { host: at.host, port: at.port === 0 ? this.#nextPort++ : at.port };
    const name = nameOf(local);
    if (this.#listeners.has(name)) {
      return Promise.reject(new HostSocketFailure("address_in_use", at));
    }
    this.#listeners.set(name, accept);
    const close = () => {
      this.#listeners.delete(name);
      return Promise.resolve();
    };
    return Promise.resolve({ local, close });
  }

  bindUdp(
    at: HostAddress,
    received: (bytes: Uint8Array, from: HostAddress) => void,
  ): Promise<HostUdp> {
    const port = at.port === 0 ? this.#nextPort++ : at.port;
    const how = this.#failing.get(at.host);
    if (how !== undefined || this.#udp.has(port)) {
      return Promise.reject(new HostSocketFailure("address_in_use", at));
    }
    this.#udp.set(port, received);
    const from = { host: at.host.includes(":") ? "::1" : "127.0.0.1", port };
    return Promise.resolve({
      local: { host: at.host, port },
      send: (bytes, to) => {
        const copy = bytes.slice();
        this.turns.later(() => this.#udp.get(to.port)?.(copy, from));
      },
      close: () => {
        this.#udp.delete(port);
        return Promise.resolve();
      },
    });
  }

  lookup(name: string): Promise<readonly string[]> {
    return Promise.resolve([name]);
  }

  fail(host: string, how: HostSocketError | "silent"): void {
    this.#failing.set(host, how);
  }

  count(): number {
    return this.ends.size + this.#listeners.size + this.#udp.size;
  }
}

function nameOf({ host, port }: HostAddress): string {
  return `${host}/${port}`;
}

class FakeTcp implements HostTcp {
  readonly local: HostAddress;
  readonly remote: HostAddress;
  readonly #world: World;
  #observer: HostStreamObserver | undefined;
  #peer: FakeTcp | undefined;
  /** What the peer sent and the observer did not take. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** What was written before the connection stood, and whether it was ended. */
  readonly #early: Uint8Array[] = [];
  #endEarly = false;
  #paused = false;
  #finReceived = false;
  #finTold = false;
  #finSent = false;
  #wantsRoom = false;
  #closed = false;

  constructor(world: World, local: HostAddress, remote: HostAddress) {
    this.#world = world;
    this.local = local;
    this.remote = remote;
    world.ends.add(this);
  }

  meet(far: FakeTcp, accept: (tcp: HostTcp) => void): void {
    this.#peer = far;
    far.#peer = this;
    accept(far);
    this.#later(() => this.#observer?.opened());
    for (const bytes of this.#early.splice(0)) this.write(bytes);
    if (this.#endEarly) this.end();
  }

  observe(observer: HostStreamObserver): void {
    assert(this.#observer === undefined, "a stream has one observer");
    this.#observer = observer;
  }

  write(bytes: Uint8Array): number {
    const peer = this.#peer;
    if (this.#closed || this.#finSent) return bytes.length;
    if (peer === undefined) {
      this.#early.push(bytes.slice());
      return bytes.length;
    }
    const taken = Math.min(bytes.length, FAKE_BUFFER_BYTES - peer.#heldBytes);
    if (taken > 0) {
      peer.#held.push(bytes.slice(0, taken));
      peer.#heldBytes += taken;
      peer.#later(() => peer.#offer());
    }
    this.#wantsRoom ||= taken < bytes.length;
    return taken;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#later(() => this.#offer());
  }

  end(): void {
    const peer = this.#peer;
    this.#endEarly = peer === undefined;
    if (this.#closed || this.#finSent || peer === undefined) return;
    this.#finSent = true;
    peer.#finReceived = true;
    peer.#later(() => peer.#offer());
    this.#closeIfOver();
  }

  reset(): void {
    this.#peer?.close("reset");
    this.close("aborted");
  }

  close(error: HostSocketError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#world.turns.later(() => {
      this.#world.ends.delete(this);
      this.#observer?.closed(error);
    });
  }

  #later(work: () => void): void {
    this.#world.turns.later(() => {
      if (!this.#closed) work();
    });
  }

  #offer(): void {
    const observer = this.#observer;
    if (observer === undefined) return;
    for (let next = this.#held[0]; next !== undefined && !this.#paused; next = this.#held[0]) {
      const taken = observer.data(next);
      this.#heldBytes -= taken;
      if (taken === next.length) this.#held.shift();
      else {
        this.#held[0] = next.subarray(taken);
        this.#paused = true;
      }
      this.#peer?.roomMade();
    }
    if (this.#held.length > 0 || !this.#finReceived || this.#finTold) return;
    this.#finTold = true;
    observer.ended();
    this.#closeIfOver();
  }

  roomMade(): void {
    if (!this.#wantsRoom) return;
    this.#wantsRoom = false;
    this.#later(() => this.#observer?.writable());
  }

  #closeIfOver(): void {
    if (this.#finSent && this.#finTold) this.close(undefined);
  }
}
