import { parseIpv4 } from "@net/wire/ipv4.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "./assert.ts";
import { bootNode, peerAt, replaceArguments, type TestNode } from "./node.ts";

/** Handshakes that take longer end by the deadline: the real one is five seconds. */
const HANDSHAKE_TIMEOUT_MS = 300;
const SHORTER = replaceArguments("dsoftbusd", { handshakeTimeoutMs: `${HANDSHAKE_TIMEOUT_MS}` });
/** How the machine sees its host's loopback. */
export const HOST: number = parseIpv4("10.0.2.2") ?? 0;
/** Longer than anything takes here. */
export const WAIT = { timeoutMs: 20_000 } as const;
/** Asks the session for an answer. */
export const PINGS = { peer: "any", count: 5, size: 64, window: 2, ...WAIT } as const;

/** B listens, A has a session with it. */
export interface Siege {
  readonly a: TestNode;
  readonly b: TestNode;
  /** The session answers: without it nothing here is worth much. */
  answers(): Promise<void>;
  refused(): Promise<Readonly<Record<string, number>>>;
}

/** Boots the two, lets the attack run, and looks that nothing came of it. */
export function besieged(attack: (siege: Siege) => Promise<void>): () => Promise<void> {
  return async () => {
    const b = await bootNode({ components: SHORTER });
    const a = await bootNode({ peers: [peerAt(b.port)] });
    const siege = {
      a,
      b,
      async answers() {
        equal((await a.control.ping(PINGS, { timeoutMs: "never" })).status, "ok");
      },
      refused: () => refusedBy(b),
    };
    try {
      await a.printed("dsoftbusd: auth ok");
      await b.printed("dsoftbusd: auth ok");
      await siege.answers();
      await attack(siege);
      await siege.answers();
      deepEqual([...a.faults, ...b.faults], []);
    } finally {
      await a.stop();
      await b.stop();
    }
  };
}

/** What a node has refused, by cause. */
export async function refusedBy(node: TestNode): Promise<Readonly<Record<string, number>>> {
  const stats = await node.control.stats({});
  ok(stats.status === "ok");
  return Object.fromEntries(stats.refused.map(({ reason, count }) => [reason, count]));
}

/** A stranger's connection. */
export class Intruder {
  readonly #conn: Deno.TcpConn;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async at(port: number): Promise<Intruder> {
    return new Intruder(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Connects, says nothing and waits for the end. Given up at once, it may look never open. */
  static async silent(port: number): Promise<number> {
    try {
      return await (await Intruder.at(port)).toTheEnd();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return 0;
      throw error;
    }
  }

  async say(hex: string): Promise<void> {
    const bytes = fromHex(hex);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Ends its stream; what the node says can still be read. */
  async end(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Sends without end until the node cuts it off. @returns whether it did, within `length` bytes. */
  async pour(length: number): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    try {
      for (let sent = 0; sent < length;) sent += await this.#conn.write(chunk);
      return false;
    } catch {
      return true;
    } finally {
      this.#conn.close();
    }
  }

  /** Bytes until the node hangs up, one way or the other. */
  async toTheEnd(): Promise<number> {
    const chunk = new Uint8Array(4_096);
    let total = 0;
    try {
      for (;;) {
        const count = await this.#conn.read(chunk);
        if (count === null) return total;
        total += count;
      }
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return total;
      throw error;
    } finally {
      this.#conn.close();
    }
  }
}
