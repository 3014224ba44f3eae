import type { BootError } from "@runtime/boot/isolate.ts";

/** What to do when a daemon says that it cannot work, by the beginning of what it says. */
const WAYS_OUT: readonly (readonly [string, string])[] = [
  ["state_damaged", "the image is damaged; nx fsck says where, a copy of the directory helps"],
  ["state_foreign", "the image is of another directory or under another key; put back its own"],
  [
    "state_rollback",
    "the image is older than it was seen to be: somebody put a copy back. Put the newer one back; " +
    "or remove state.seen beside it, and what was done since is lost",
  ],
  ["state_io_error", "the host cannot read or write the image"],
  ["state_no_space", "the image has no room to begin with; make a larger one"],
  ["state_unsupported", "the image is no image of this program, or too full to be read"],
  ["disk_", "the disk does not answer"],
  [
    "device_key_unreadable",
    "the device's key is there and cannot be read; no other takes its place. nx fsck says more",
  ],
  [
    "device_key_foreign",
    "the device's key is under another keystore's key: image and state.json do not belong together",
  ],
  [
    "device_key_lost",
    "the device's key is gone from the image, and no other takes its place; put the image back " +
    "from a copy, or remove state.seen to become another device",
  ],
  ["device_key_other", "the image holds another device's key than the one that was here before"],
  ["device_key_not_kept", "the device's key cannot be kept, and is not used"],
];

/** Why a node does not boot, and what to do about it where that is known. */
export function bootFailureText({ message, reason = "" }: BootError): string {
  const [, wayOut] = WAYS_OUT.find(([beginning]) => reason.startsWith(beginning)) ?? [];
  return wayOut === undefined ? message : `${message}: ${wayOut}`;
}
