import { fromHex } from "@runtime/core/hex.ts";

/** What the boot says of the disk. */
export interface StateArguments {
  /** Whether what is kept outlives the node. */
  readonly persists: boolean;
  /** 16 bytes that no other boot has. */
  readonly bootId: Uint8Array;
  /** The device that was here before, as its id; `undefined` where none is known. */
  readonly deviceId: string | undefined;
  /** The image that the disk must hold, 16 bytes; any unless said. */
  readonly imageId: Uint8Array | undefined;
  /** The largest sequence that was seen outside the image. */
  readonly sequenceMin: bigint;
}

const NO_BOOT_ID = "00".repeat(16);

/** Reads statefsd's command line, which the host writes. */
export function stateArguments(args: Readonly<Record<string, string>>): StateArguments {
  const imageId = args["imageId"];
  return {
    persists: args["persists"] === "yes",
    bootId: fromHex(args["bootId"] ?? NO_BOOT_ID),
    deviceId: args["deviceId"],
    imageId: imageId === undefined ? undefined : fromHex(imageId),
    sequenceMin: BigInt(args["sequenceMin"] ?? 0),
  };
}
