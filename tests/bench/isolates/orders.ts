import type { WireEnd } from "@runtime/core/ports.ts";

/** What the benchmark asks of one of its workers; each is answered with a number, microseconds. */
export type WorkerOrder =
  | { readonly job: "join"; readonly send: WireEnd; readonly receive: WireEnd }
  | { readonly job: "echo" }
  | { readonly job: "ping"; readonly count: number }
  | { readonly job: "joinBare"; readonly send: MessagePort; readonly receive: MessagePort }
  | { readonly job: "echoBare" }
  | { readonly job: "pingBare"; readonly count: number }
  | { readonly job: "read"; readonly end: WireEnd; readonly count: number }
  | {
    readonly job: "readBare";
    readonly port: MessagePort;
    readonly cells: SharedArrayBuffer;
    readonly count: number;
  };
