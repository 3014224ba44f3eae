import type { Clock, HostSockets, Turns, UnixSockets } from "@runtime/core/ports.ts";
import {
  type ByteInput,
  type ControlSockets,
  type Files,
  HostRefusal,
  type Processes,
  type Reach,
  type Terminal,
} from "@runtime/core/program_ports.ts";
import type { StatePorts } from "@runtime/core/state_ports.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { hostByteInput } from "./byte_input.ts";
import { hostEntropy } from "./entropy.ts";
import { hostFiles } from "./files.ts";
import { randomBytesRepeat } from "./first_bytes.ts";
import { controlSockets } from "./frame_stream.ts";
import type { GuardOptions } from "./guard.ts";
import type { MakeIsolate } from "./isolates.ts";
import { missingPermission } from "./missing_permission.ts";
import { hostSandbox } from "./sandbox.ts";
import { hostStateFolders } from "./state_folder.ts";
import { hostTerminal } from "./terminal.ts";
import { hostVersion } from "./version.ts";

/** What the threads that start nodes differ in. */
export interface NodeThread {
  /** Makes the isolates of daemons; this thread does unless said. */
  readonly makeIsolate?: MakeIsolate | undefined;
  /** Who holds the inspector's port, in words. */
  readonly inspector?: () => Promise<string>;
}

/** What differs between the threads that run commands. */
export interface ThreadPorts extends NodeThread {
  readonly processes: Processes;
  readonly unix: UnixSockets;
  /** What the guard of keys is told; it finds out itself unless said. */
  readonly guard?: GuardOptions;
  /** Runs a command line where it can do no more than this. @returns its exit code. */
  readonly confined?: (argv: readonly string[], reach: Reach) => Promise<number>;
}

/** What the command line reaches of the host in every thread alike. */
export interface ProgramHost {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly lookup: HostSockets["lookup"];
  readonly files: Files;
  readonly input: ByteInput;
  readonly sandbox: ReturnType<typeof hostSandbox>;
  readonly state: StatePorts;
  readonly terminal: Terminal;
  readonly control: ControlSockets;
  readonly version: Readonly<Record<string, string | boolean>>;
  readonly missingPermission: typeof missingPermission;
}

/** Ports that every thread makes alike, over its own clock and sockets. */
export function programHost(
  { clock, turns, sockets, unix, told }: {
    readonly clock: Clock;
    readonly turns: Turns;
    readonly sockets: HostSockets;
    readonly unix: UnixSockets;
    readonly told: GuardOptions | undefined;
  },
): ProgramHost {
  // Keys that are drawn outside a node, which has a guard of its own.
  const admitKeys = async () => {
    const repeat = told?.bytesRepeat ?? randomBytesRepeat;
    if (await repeat()) throw new HostRefusal("seeded_runtime");
  };
  return {
    ...{ clock, turns, missingPermission },
    lookup: sockets.lookup,
    files: hostFiles(),
    input: hostByteInput(),
    sandbox: hostSandbox(),
    state: { host: hostStateFolders(), entropy: hostEntropy(), admitKeys },
    terminal: hostTerminal(),
    control: controlSockets(unix, FRAME_LENGTH_MAX),
    version: hostVersion(),
  };
}
