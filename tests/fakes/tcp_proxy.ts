/** Which record of a session's bytes: message 1 and 3 go out as 0 and 1, message 2 comes back as 0. */
export interface PassingRecord {
  /** 0 for the first connection that the proxy took. */
  readonly connection: number;
  readonly direction: "out" | "back";
  readonly index: number;
}

/** A port of the loopback that leads to another one. */
export interface TcpProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Passes records of 32-bit big-endian lengths on, changed by `change`. */
export function tcpProxy(
  toPort: number,
  change: (record: PassingRecord, bytes: Uint8Array) => Uint8Array,
): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const passing: Promise<void>[] = [];
  const run = async () => {
    let connection = 0;
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: toPort });
      open.add(near).add(far);
      const number = connection++;
      passing.push(
        passRecords(
          near,
          far,
          (index, bytes) => change({ connection: number, direction: "out", index }, bytes),
        ),
      );
      passing.push(
        passRecords(
          far,
          near,
          (index, bytes) => change({ connection: number, direction: "back", index }, bytes),
        ),
      );
    }
  };
  const running = run();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async close() {
      listener.close();
      await running;
      for (const end of open) closeQuietly(end);
      await Promise.all(passing);
    },
  };
}

async function passRecords(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  change: (index: number, record: Uint8Array) => Uint8Array,
): Promise<void> {
  let held = new Uint8Array(0);
  let index = 0;
  const chunk = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await from.read(chunk);
      if (count === null) break;
      held = Uint8Array.of(...held, ...chunk.subarray(0, count));
      for (;;) {
        const length = held.length < 4 ? Infinity : new DataView(held.buffer).getUint32(0);
        if (held.length < 4 + length) break;
        await writeAll(to, change(index++, held.slice(0, 4 + length)));
        held = held.slice(4 + length);
      }
    }
    await to.closeWrite();
  } catch {
    // One end is gone: the other shall know.
    closeQuietly(from);
    closeQuietly(to);
  }
}

async function writeAll(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function closeQuietly(end: Deno.TcpConn): void {
  try {
    end.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
