import { Message } from "capnp-es";
import { decodeByLibrary, encodeByLibrary } from "@runtime/capnp/codec.ts";
import { dsoftbusSchema } from "@runtime/capnp/declarations.ts";
import { decodeFrame, encodeFrame, frameLength } from "@runtime/capnp/frame.ts";
import { Frame } from "@runtime/capnp/gen/dsoftbus.ts";

for (const length of [64, 16_384, 65_480]) {
  const bytes = new Uint8Array(length).fill(0x5a);
  const frame = new Uint8Array(frameLength(length));
  encodeFrame(1, bytes, frame, 0);
  const encode = `encode a Frame of ${length} B`;
  const decode = `decode a Frame of ${length} B`;
  Deno.bench(`by hand: ${encode}`, { group: encode, baseline: true }, () => {
    encodeFrame(1, bytes, frame, 0);
  });
  Deno.bench(`capnp-es: ${encode}`, { group: encode }, () => {
    encodeByLibrary(dsoftbusSchema, "Frame", { chan: 1, bytes });
  });
  Deno.bench(`by hand: ${decode}`, { group: decode, baseline: true }, () => {
    decodeFrame(frame);
  });
  Deno.bench(`validator and capnp-es: ${decode}`, { group: decode }, () => {
    decodeByLibrary(dsoftbusSchema, "Frame", frame);
  });
  Deno.bench(`capnp-es alone: ${decode}`, { group: decode }, () => {
    const root = new Message(frame, false).getRoot(Frame);
    root.chan + root.bytes.toUint8Array().length;
  });
}
