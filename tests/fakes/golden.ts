import { fromHex } from "@runtime/core/hex.ts";

const VECTORS = new URL("../vectors/ipc/", import.meta.url);

/** Golden frames of one daemon, by their names; an unknown name is a mistake of the test. */
export function goldenFrames(daemon: string): (name: string) => Uint8Array {
  const text = Deno.readTextFileSync(new URL(`${daemon}.json`, VECTORS));
  const { frames } = JSON.parse(text) as { readonly frames: Readonly<Record<string, string>> };
  return (name) => {
    const hex = frames[name];
    if (hex === undefined) throw new Error(`no golden frame "${name}" of ${daemon}`);
    return fromHex(hex.replaceAll(" ", ""));
  };
}
