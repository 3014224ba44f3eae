import type { Clock, HostAddress, Turns } from "@runtime/core/ports.ts";
import type { ControlSockets, Files, Processes } from "@runtime/core/program_ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { hostPortText } from "./address.ts";
import { reachable } from "./control_client.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { printable } from "./output.ts";

/** Entries of the registry that are looked at. */
export const NODES_MAX = 256;
/** Longest path of a Unix socket, in bytes. Source: Linux, unix(7), `sun_path`. */
export const SOCKET_PATH_LENGTH_MAX = 107;
/** Name of the control socket in a node's folder. */
export const SOCKET_NAME = "control.sock";
/** Name of the file in a state directory that holds the folder of the node that runs on it. */
const POINTER_NAME = "node.path";
const PATH_LENGTH_MAX = 4_096;
const FACTS_NAME = "node.json";
const FACTS_LENGTH_MAX = 4_096;
const OTHERS_BITS = 0o077;
const FACTS_MODE = 0o600;
const PORT = /^\d{1,5}$/;

/** What the registry stands on. */
export interface RegistryPorts {
  readonly files: Files;
  readonly processes: Pick<Processes, "env" | "id" | "userId">;
  readonly control: ControlSockets;
  readonly clock: Clock;
  readonly turns: Turns;
}

/** A node that runs. */
export interface NodeEntry {
  /** Its listen port, or `pid-<id>` of one that nobody can connect to. */
  readonly name: string;
  /** Its folder. */
  readonly folder: string;
  /** Path of its control socket. */
  readonly socket: string;
}

/** Where this user's nodes register: a folder that nobody else can open. */
export function registryFolder({ env, userId }: Pick<Processes, "env" | "userId">): string {
  const runtime = env("XDG_RUNTIME_DIR") ?? "";
  if (runtime.startsWith("/")) return `${runtime.replace(/\/+$/, "")}/nexus`;
  const temporary = env("TMPDIR") ?? "";
  const place = temporary.startsWith("/") ? temporary.replace(/\/+$/, "") : "/tmp";
  return `${place}/nexus-${userId ?? "user"}`;
}

/** The variables that say where the registry is, as far as they are looked at. */
export function registryVariables({ env }: Pick<Processes, "env">): readonly string[] {
  const runtime = env("XDG_RUNTIME_DIR") ?? "";
  return runtime.startsWith("/") ? ["XDG_RUNTIME_DIR"] : ["XDG_RUNTIME_DIR", "TMPDIR"];
}

/** How a command names the node that it means: by neither, the only one that runs. */
export interface NodeName {
  /** Its name (a listen port, or `pid-<id>`), or a folder that holds its control socket. */
  readonly node?: string | undefined;
  /** A folder that holds its control socket, whatever its name looks like. */
  readonly state?: string | undefined;
}

/**
 * Finds out before anything starts whether a node could register: makes the registry, and leaves
 * the node's own folder to {@linkcode claimEntry}, once its port is its own.
 *
 * @throws {CommandFailure} as `claimEntry` does.
 */
export async function checkEntry(ports: RegistryPorts, name: string): Promise<NodeEntry> {
  const base = registryFolder(ports.processes);
  const entry = entryAt(`${base}/${name}`);
  if (utf8Length(entry.socket) > SOCKET_PATH_LENGTH_MAX) {
    throw new CommandFailure(
      EXIT.failed,
      `${entry.socket} is too long for a socket; set XDG_RUNTIME_DIR to a shorter path`,
    );
  }
  privateFolder(ports.files, base);
  if (ports.files.facts(entry.folder) === undefined) return entry;
  requirePrivate(ports.files, entry.folder);
  if (await reachable(ports, entry.socket)) {
    throw runsAlready(ports.files, entry);
  }
  return entry;
}

/** Nodes are told apart by their port alone, on whichever address they listen. */
function runsAlready(files: Files, entry: NodeEntry): CommandFailure {
  const { listen } = factsOf(files, entry);
  const place = listen === undefined ? "" : ` on ${listen}`;
  return new CommandFailure(
    EXIT.failed,
    `node ${entry.name} runs already${place}, and nodes are named by their port: ` +
      "listen on another port, or stop that node",
  );
}

/** What a node says of itself in its folder; nothing where it cannot be read. */
function factsOf(files: Files, { folder }: NodeEntry): { readonly listen?: string } {
  try {
    const facts: unknown = JSON.parse(
      files.readPrivateText(`${folder}/${FACTS_NAME}`, FACTS_LENGTH_MAX),
    );
    const known = typeof facts === "object" && facts !== null && "listen" in facts;
    return known && typeof facts.listen === "string" ? { listen: printable(facts.listen) } : {};
  } catch (error) {
    if (error instanceof FileFailure || error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * Makes the folder of a node that starts. What a dead node left there is removed.
 *
 * @param listen Where it listens, for whoever wants its name too.
 * @throws {CommandFailure} when a node runs there, or the folder is not this user's alone.
 */
export async function claimEntry(
  ports: RegistryPorts,
  name: string,
  listen?: HostAddress,
): Promise<NodeEntry> {
  const entry = await checkEntry(ports, name);
  releaseEntry(ports.files, entry);
  privateFolder(ports.files, entry.folder);
  const facts = {
    pid: ports.processes.id,
    startedUnixMs: ports.clock.unixMs(),
    listen: listen && hostPortText(listen),
  };
  ports.files.writeText(`${entry.folder}/${FACTS_NAME}`, JSON.stringify(facts), FACTS_MODE);
  return entry;
}

/** Removes a node's folder. What cannot be removed stays: the next node of that name looks again. */
export function releaseEntry(files: Files, entry: NodeEntry): void {
  for (const path of [entry.socket, `${entry.folder}/${FACTS_NAME}`, entry.folder]) {
    try {
      files.remove(path);
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error;
    }
  }
}

/** Leaves in a state directory where the node is that runs on it: a confined node makes no links. */
export function pointTo(files: Files, state: string, folder: string): void {
  files.writeText(`${state}/${POINTER_NAME}`, folder, FACTS_MODE);
}

export function unpoint(files: Files, state: string): void {
  files.remove(`${state}/${POINTER_NAME}`);
}

/** Nodes of this user that answer, by name. Entries of dead nodes are removed. */
export async function runningNodes(ports: RegistryPorts): Promise<readonly NodeEntry[]> {
  const { files } = ports;
  const base = registryFolder(ports.processes);
  const facts = files.facts(base);
  if (facts === undefined) return [];
  requirePrivate(files, base);
  const running: NodeEntry[] = [];
  for (const name of files.list(base).slice(0, NODES_MAX)) {
    const entry = entryAt(`${base}/${name}`);
    if (!ownFolder(files, entry.folder)) continue;
    // A folder without a socket belongs to a node that is just starting.
    if (files.facts(entry.socket) === undefined) continue;
    if (await reachable(ports, entry.socket)) running.push(entry);
    else releaseEntry(files, entry);
  }
  return running;
}

/**
 * The node that a command means.
 *
 * @throws {CommandFailure} 3 when there is none, 2 when there are several and none was named.
 */
export async function selectNode(
  ports: RegistryPorts,
  { node, state }: NodeName,
): Promise<NodeEntry> {
  if (state !== undefined) return await nodeIn(ports, state);
  if (node !== undefined) return await namedNode(ports, node);
  const running = await runningNodes(ports);
  const [only, ...others] = running;
  if (only === undefined) {
    throw new CommandFailure(EXIT.notFound, "no node runs; start one with: nx up");
  }
  if (others.length > 0) {
    const names = running.map(({ name }) => name).join(", ");
    throw new CommandFailure(EXIT.usage, `several nodes run (${names}); name one with --node NAME`);
  }
  return only;
}

async function namedNode(ports: RegistryPorts, wanted: string): Promise<NodeEntry> {
  const registered = PORT.test(wanted) || wanted.startsWith("pid-");
  if (!registered) return await nodeIn(ports, wanted);
  const entry = entryAt(`${registryFolder(ports.processes)}/${wanted}`);
  if (ports.files.facts(entry.folder) === undefined) throw noSuchNode(wanted);
  requirePrivate(ports.files, entry.folder);
  if (!await reachable(ports, entry.socket)) throw noSuchNode(wanted);
  return entry;
}

/** The node whose control socket, a link to it, or the path to its folder lies in a folder. */
async function nodeIn(ports: RegistryPorts, path: string): Promise<NodeEntry> {
  const { files } = ports;
  const named = path.replace(/(?<=.)\/+$/, "");
  if (files.facts(named)?.kind !== "folder") {
    throw new CommandFailure(EXIT.notFound, `${path} is no folder; nx nodes lists those of nodes`);
  }
  requirePrivate(files, named);
  const entry = entryAt(pointedFrom(files, named) ?? named);
  requirePrivate(files, entry.folder);
  if (files.facts(entry.socket) === undefined) {
    throw new CommandFailure(EXIT.notFound, `${path} holds no ${SOCKET_NAME}: no node runs there`);
  }
  if (!await reachable(ports, entry.socket)) throw noSuchNode(path);
  return entry;
}

/** Where a state directory says that its node is; `undefined` where it says nothing. */
function pointedFrom(files: Files, folder: string): string | undefined {
  const pointer = `${folder}/${POINTER_NAME}`;
  if (files.facts(pointer) === undefined) return undefined;
  const path = files.readPrivateText(pointer, PATH_LENGTH_MAX);
  return path.startsWith("/") && files.facts(path)?.kind === "folder" ? path : undefined;
}

function entryAt(folder: string): NodeEntry {
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  return { name, folder, socket: `${folder}/${SOCKET_NAME}` };
}

function ownFolder(files: Files, path: string): boolean {
  const facts = files.facts(path);
  return facts?.kind === "folder" && facts.own && (facts.mode & OTHERS_BITS) === 0;
}

function privateFolder(files: Files, path: string): void {
  try {
    files.makePrivateFolder(path);
  } catch (error) {
    if (error instanceof FileFailure && error.code === "not_private") throw notPrivate(files, path);
    if (!(error instanceof FileFailure)) throw error;
    throw new CommandFailure(
      EXIT.failed,
      `cannot make ${path} (${error.code}); set XDG_RUNTIME_DIR to a folder of yours`,
      { cause: error },
    );
  }
}

function requirePrivate(files: Files, path: string): void {
  if (!ownFolder(files, path)) throw notPrivate(files, path);
}

function notPrivate(files: Files, path: string): CommandFailure {
  const facts = files.facts(path);
  if (facts?.kind === "folder" && facts.own) {
    const mode = facts.mode.toString(8).padStart(4, "0");
    return new CommandFailure(
      EXIT.failed,
      `${path} is open to other users (mode ${mode}); run: chmod 700 ${path}`,
    );
  }
  return new CommandFailure(
    EXIT.failed,
    `${path} is not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR`,
  );
}

function noSuchNode(wanted: string): CommandFailure {
  return new CommandFailure(
    EXIT.notFound,
    `no node runs at ${wanted}; nx nodes lists those that do`,
  );
}
