/**
 * One end of plain Deno TCP for the session benchmark: no framing, no cryptography.
 *
 * @module
 */

import { type Contender, type Job, measure, tell, untilParentEnds } from "./measure.ts";

async function answer(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(256 << 10);
  const mode = await conn.read(buffer.subarray(0, 1));
  if (mode === null) return conn.close();
  const echoes = buffer[0] === 1;
  for (let length = await conn.read(buffer); length !== null; length = await conn.read(buffer)) {
    if (echoes) await writeAll(conn, buffer.subarray(0, length));
  }
  if (!echoes) await conn.write(Uint8Array.of(1));
  conn.close();
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function connected(port: number, mode: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  await conn.write(Uint8Array.of(mode));
  return conn;
}

function contender(port: number): Contender {
  return {
    async dial() {
      const conn = await connected(port, 1);
      await conn.write(Uint8Array.of(1));
      await conn.read(new Uint8Array(1));
      conn.close();
    },
    async echo({ count, size, window }) {
      const conn = await connected(port, 1);
      const message = new Uint8Array(size);
      const buffer = new Uint8Array(256 << 10);
      const total = count * size;
      let sent = 0;
      let received = 0;
      let wake: (() => void) | undefined;
      const writer = async () => {
        for (; sent < total; sent += size) {
          while (sent - received >= window * size) await new Promise<void>((go) => wake = go);
          await writeAll(conn, message);
        }
      };
      const reader = async () => {
        while (received < total) {
          received += await conn.read(buffer) ?? total;
          wake?.();
        }
      };
      await Promise.all([writer(), reader()]);
      conn.close();
    },
    async oneWay({ count, size }) {
      const conn = await connected(port, 2);
      const message = new Uint8Array(size);
      for (let sent = 0; sent < count; sent++) await writeAll(conn, message);
      await conn.closeWrite();
      await conn.read(new Uint8Array(1));
      conn.close();
    },
  };
}

if (import.meta.main) {
  const [job, port] = Deno.args;
  if (job === "serve") {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    tell({ port: listener.addr.port });
    untilParentEnds();
    for await (const conn of listener) {
      conn.setNoDelay(true);
      answer(conn).catch(() => conn.close());
    }
  } else {
    tell({ value: await measure(contender(Number(port)), job as Job) });
    Deno.exit(0);
  }
}
