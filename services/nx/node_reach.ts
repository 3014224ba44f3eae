import { isAddress } from "./address.ts";
import type { HostAddress } from "@runtime/core/ports.ts";
import type { Processes, Reach } from "@runtime/core/program_ports.ts";
import { registryFolder, registryVariables } from "./node_registry.ts";
import type { PeerAddress } from "./ports.ts";

/** Longest name of a socket that is being made, so that it fits wherever the socket does. */
export const DRAFT_LENGTH_MAX = 10;

/** What a node of `nx up` was asked that the host must permit. */
export interface AskedReach {
  readonly listen: HostAddress | undefined;
  readonly peers: readonly PeerAddress[];
  /** Whether it registers and has a control socket. */
  readonly control: boolean;
  /** File that it leaves for a supervisor. */
  readonly report: string | undefined;
  /** Name of its socket while it is made: no other node's at the same time. */
  readonly draft: string;
  /** Its state directory. */
  readonly state?: string | undefined;
  readonly passphraseFile?: string | undefined;
}

/** What a node must reach of the host, and nothing else. */
export async function reachOf(
  { processes, lookup }: {
    readonly processes: Pick<Processes, "env" | "userId">;
    lookup(name: string): Promise<readonly string[]>;
  },
  { listen, peers, control, report, draft, state, passphraseFile }: AskedReach,
): Promise<Reach> {
  const registry = control ? registryFolder(processes) : undefined; // asks for variables
  const named = listen === undefined || isAddress(listen.host) ? [] : await lookup(listen.host);
  return {
    listens: listen === undefined
      ? []
      : [listen, ...named.map((host) => ({ host, port: listen.port }))],
    dials: peers.map(({ address }) => address),
    folders: [
      ...registry === undefined ? [] : [registry],
      ...report === undefined ? [] : [folderOf(report)],
      ...state === undefined ? [] : [state],
    ],
    ...passphraseFile !== undefined && { reads: [passphraseFile] },
    socket: registry && `${registry}/.${draft}.sock`,
    variables: control ? registryVariables(processes) : [],
  };
}

/** The same for a node that was given the port that it had. */
export function reachAt(reach: Reach, port: number | undefined): Reach {
  if (port === undefined) return reach;
  return { ...reach, listens: reach.listens.map(({ host }) => ({ host, port })) };
}

/** The folder that holds a file. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || "/";
}
