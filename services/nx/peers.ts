import type { Command } from "commander";
import { DIRECTIONS, PEER_STATES } from "../dsoftbusd/protocol.ts";
import { EXIT } from "./exit_code.ts";
import { dotted, printable, shortDuration, table } from "./output.ts";
import {
  askNode,
  type ControlClient,
  type NodeChoice,
  okReply,
  type Shell,
  withNodeOptions,
} from "./shell.ts";

/** Pages of peers that are asked for, at most. */
const PAGES_MAX = 256;
/** Digits of a device id in the table: enough to tell peers apart, and to name one. */
const SHORT_ID_LENGTH = 16;
const HEADS = ["PEER", "STATE", "DIRECTION", "ADDRESS", "AGE", "RECORDS", "REASON"] as const;
const EXAMPLES = `
A peer is named to other commands by its device id or the beginning of it, 4 digits or more.

ADDRESS is what was typed, for a peer that this node dials. One that came by itself is shown as the
machine sees it through its gateway: 10.0.2.2 is this host, and each IPv6 address has one of
198.18.0.0/15, from which it cannot be told.

STATE is dialling, waiting (to be dialled again; REASON says why), handshaking, established, or
stopped: it is dialled no more. While its name leads nowhere a peer waits with name_unresolved.
Two nodes that dial each other keep both sessions; several with one peer are allowed.

Examples:
  nx peers
  nx peers --node 7402 --full
`;

/** A session or a dial, as the command line shows it. */
export interface PeerLine {
  /** Empty while nothing is known of it. */
  readonly deviceId: string;
  readonly direction: string;
  readonly state: string;
  readonly address: string;
  readonly ageMs: number;
  readonly records: number;
  readonly reason: string;
}

interface PeersOptions extends NodeChoice {
  readonly full?: true;
}

/** `nx peers`: sessions and dials. */
export function addPeers(program: Command, shell: Shell): void {
  withNodeOptions(program.command("peers"))
    .description("list a node's sessions, and the peers that it keeps dialling")
    .option("--full", "whole device ids")
    .addHelpText("after", EXAMPLES)
    .action((options: PeersOptions) => showPeers(shell, options));
}

async function showPeers(shell: Shell, options: PeersOptions): Promise<void> {
  const peers = await askNode(shell, options, peersOf);
  const { output } = shell;
  if (options.json) peers.forEach((peer) => output.json(peer));
  else if (peers.length === 0) output.line("no peers");
  else table(HEADS, peers.map((peer) => rowOf(peer, options.full))).forEach(output.line);
  shell.finish(EXIT.ok);
}

/** Every peer of a node, page by page. */
export async function peersOf(client: ControlClient): Promise<readonly PeerLine[]> {
  const peers: PeerLine[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const reply = okReply(await client.peers({ first: peers.length }), "peers");
    peers.push(...reply.peers.map((peer) => ({
      deviceId: peer.deviceId,
      direction: DIRECTIONS[peer.direction] ?? "unknown",
      state: PEER_STATES[peer.state] ?? "unknown",
      address: printable(peer.typed) || `${dotted(peer.address)}:${peer.port}`,
      ageMs: Number(peer.ageMs),
      records: Number(peer.records),
      reason: printable(peer.reason),
    })));
    if (reply.peers.length === 0 || peers.length >= reply.total) break;
  }
  return peers;
}

function rowOf(peer: PeerLine, full: true | undefined): readonly string[] {
  const id = printable(peer.deviceId) || "-";
  return [
    full ? id : id.slice(0, SHORT_ID_LENGTH),
    peer.state,
    peer.direction,
    peer.address,
    shortDuration(peer.ageMs),
    String(peer.records),
    peer.reason,
  ];
}
