import type { Exchange, RawChannel } from "@runtime/idl/channel.ts";

const PREFIX_LENGTH = 4;

/** A node's control socket, as any program of its owner reaches it: frames behind their length. */
export interface KeySocket extends RawChannel, Disposable {
  /** Every byte that came in so far, a frame each. */
  readonly replies: readonly Uint8Array[];
}

/** Connects to the control socket at a path. One exchange at a time. */
export async function keySocket(path: string): Promise<KeySocket> {
  const connection = await Deno.connect({ transport: "unix", path });
  const replies: Uint8Array[] = [];
  const read = async (length: number) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await connection.read(bytes.subarray(at));
      if (count === null) throw new TypeError("the node ended the connection");
      at += count;
    }
    return bytes;
  };
  return {
    replies,
    async exchange({ frame }: Exchange) {
      const bytes = new Uint8Array(PREFIX_LENGTH + frame.length);
      new DataView(bytes.buffer).setUint32(0, frame.length);
      bytes.set(frame, PREFIX_LENGTH);
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      const length = new DataView((await read(PREFIX_LENGTH)).buffer).getUint32(0);
      const reply = await read(length);
      replies.push(reply);
      return { status: "ok", frame: reply, moved: undefined };
    },
    [Symbol.dispose]: () => connection.close(),
  };
}
