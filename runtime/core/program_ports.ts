/**
 * Ports of the program around the machine: files, processes, the terminal and the control socket.
 * The command line uses them; no daemon is given one.
 *
 * @module
 */

import type { HostAddress, HostSocketError, UnixListener } from "./ports.ts";

/** Events of one {@linkcode FrameStream}. */
export interface FrameStreamObserver {
  /** The connection that was asked for stands. Never called for accepted ones. */
  opened(): void;
  /** One whole frame, valid during the call only. */
  frame(bytes: Uint8Array): void;
  /**
   * It is over and no further event follows. `undefined` is an orderly close between frames;
   * `failed` also a frame that was too long or cut off.
   */
  closed(error: HostSocketError | undefined): void;
}

/** A local connection that carries frames, each behind its length as u32 BE. */
export interface FrameStream {
  /** Must be called once, at once. Events start in a later turn. */
  observe(observer: FrameStreamObserver): void;
  /** Queues a frame (it is copied). Returns false, and drops it, when too much waits already. */
  send(frame: Uint8Array): boolean;
  /** Ends after everything queued. */
  end(): void;
  /** Ends at once. */
  reset(): void;
}

/** The host's Unix sockets as the control socket uses them. */
export interface ControlSockets {
  /**
   * Listens at a path that must not exist yet; only this user may connect.
   *
   * @throws {HostSocketFailure} with the path as `host` when it cannot be had.
   */
  listen(path: string, accept: (stream: FrameStream) => void): Promise<UnixListener>;
  /** Starts to connect. `opened` or `closed` tells how it went. */
  connect(path: string): FrameStream;
}

/** Why something on the host's file system could not be done. */
export type FileError =
  | "bad_length"
  | "busy"
  | "exists"
  | "failed"
  | "no_space"
  | "not_empty"
  | "not_found"
  | "not_private"
  | "permission_denied"
  | "replaced"
  | "too_large"
  | "wrong_kind";

/** A file operation that failed: which path, and why. */
export class FileFailure extends Error {
  override readonly name = "FileFailure";
  readonly code: FileError;
  readonly path: string;

  /** @param options As `cause` what the host said, for whoever can read that. */
  constructor(code: FileError, path: string, options?: ErrorOptions) {
    super(`Cannot use ${path}: ${code}`, options);
    this.code = code;
    this.path = path;
  }
}

/** Something that this process may not do, whatever its user may. */
export interface MissingPermission {
  /** What would let it, as the runtime takes it on its command line. */
  readonly flag: string;
  /** What that would let it do. */
  readonly purpose: string;
}

/** What lies at a path; a symbolic link is itself, not what it leads to. */
export interface FileFacts {
  readonly kind: "file" | "folder" | "symlink" | "socket" | "other";
  /** Length in bytes. */
  readonly length: number;
  /** Permission bits, 0..0o7777. */
  readonly mode: number;
  /** Whether it belongs to the user that runs this process. */
  readonly own: boolean;
}

/** The host's file system. Every call throws {@linkcode FileFailure} when it cannot. */
export interface Files {
  /** @throws {FileFailure} `too_large` when the file is longer than `lengthMax` bytes. */
  readBytes(path: string, lengthMax: number): Uint8Array;
  readText(path: string, lengthMax: number): string;
  /**
   * Reads a file that is this user's alone (its mode lets nobody else in), and no link to another.
   *
   * @throws {FileFailure} `wrong_kind` for a link or anything that is no file, `not_private` for one
   *   that others could have written, `replaced` for one that changed places while it was opened.
   */
  readPrivateText(path: string, lengthMax: number): string;
  /** Replaces the file in one step: a reader sees the old bytes or the new, never a part. */
  writeBytes(path: string, bytes: Uint8Array, mode: number): void;
  writeText(path: string, text: string, mode: number): void;
  /** Adds to the end of the file, which is made when it is absent. */
  appendBytes(path: string, bytes: Uint8Array, mode: number): void;
  /**
   * Makes the folder and those above it, for this user alone (mode 0700).
   *
   * @throws {FileFailure} `not_private` when it exists and is a link, another user's, or open to
   *   others.
   */
  makePrivateFolder(path: string): void;
  /** Names in a folder, sorted. */
  list(path: string): readonly string[];
  /** Removes a file, a link or an empty folder; nothing happens when there is none. */
  remove(path: string): void;
  /** Makes a symbolic link at `path`. */
  link(target: string, path: string): void;
  /** What lies at the path; `undefined` when nothing does. */
  facts(path: string): FileFacts | undefined;
  /** A new private folder among the host's temporary ones, whose name begins so. */
  temporaryFolder(prefix: string): string;
}

/** Bytes that a command is given. */
export interface ByteInput {
  /**
   * The bytes of a file, or of standard input where the path is `-`, piece by piece to the end. A
   * piece is valid until the next one is taken.
   *
   * @throws {FileFailure} from the piece that could not be read.
   */
  pieces(path: string): AsyncIterable<Uint8Array>;
}

/** What a process of this program is to reach of the host. Without a word of it, nothing. */
export interface Reach {
  /** Where it listens, and where a name of that leads. */
  readonly listens: readonly HostAddress[];
  /** Whom it dials, by address or by name. */
  readonly dials: readonly HostAddress[];
  /** Folders in which it reads and writes. */
  readonly folders: readonly string[];
  /** Whether it only reads in them. */
  readonly readOnly?: boolean;
  /** Files that it reads, and never writes. */
  readonly reads?: readonly string[];
  /** The one path at which it makes its socket and asks at others. */
  readonly socket: string | undefined;
  /** Environment variables that it reads. */
  readonly variables: readonly string[];
}

/** What a child is started with. */
export interface ChildOptions {
  /** Arguments of this same program. */
  readonly args: readonly string[];
  readonly reach: Reach;
  /** Variables added to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Each line of its standard output, without the line feed. */
  readonly outLine: (line: string) => void;
  /** Each line of its standard error. */
  readonly errorLine: (line: string) => void;
}

/** Another process of this program. It should end when its standard input does. */
export interface Child {
  readonly id: number;
  /** Exit code after its last line was told; 128 plus the number when a signal ended it. */
  readonly exited: Promise<number>;
  /** Writes to its standard input; a child that has ended reads nothing more. */
  tell(bytes: Uint8Array): Promise<void>;
  /** Closes its standard input. */
  endInput(): void;
  /** Sends a signal; nothing happens when it has ended. */
  kill(signal: StopSignal | "SIGKILL"): void;
}

/** Why no key may exist in this process. */
export type HostRefusalCode = "inspector_open" | "random_unchecked" | "seeded_runtime";

const REFUSALS: Readonly<Record<HostRefusalCode, string>> = {
  "inspector_open":
    "the inspector of this process is open, and who connects to it reads every key: " +
    "start without it, or under the test profile",
  "random_unchecked": "whether random numbers are random here cannot be told: no worker starts",
  "seeded_runtime":
    "this runtime was given a --seed, or has one compiled in: its random numbers, " +
    "and with them every key, can be known beforehand; start one without",
};

/** A process in which keys would be no secret. */
export class HostRefusal extends Error {
  override readonly name = "HostRefusal";
  readonly code: HostRefusalCode;

  constructor(code: HostRefusalCode) {
    super(REFUSALS[code]);
    this.code = code;
  }
}

/** Signals that ask a node to stop; `SIGHUP` is a terminal that was closed. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** This process and its children. */
export interface Processes {
  /** Value of an environment variable. */
  env(name: string): string | undefined;
  readonly id: number;
  /** User id of this process; `undefined` where the host has none. */
  readonly userId: number | undefined;
  /** Starts this same program again, from source or as the compiled executable. */
  spawnSelf(options: ChildOptions): Child;
  /**
   * The same, with a child that writes straight to this process's own standard output and error.
   *
   * @throws {FileFailure} when the host, or the permissions of this process, let it start none.
   */
  spawnOnConsole(args: readonly string[], reach: Reach): Child;
  /** Gives up, for good, what a process does not need that starts others and reads their reports. */
  keepToChildren(): void;
  /** Runs `stop` at each such signal, in place of ending. Returns what takes the handler away. */
  onStop(stop: (signal: StopSignal) => void): () => void;
  /** Resolves when standard input has ended. May be asked once. */
  inputEnded(): Promise<void>;
}

/** Standard output and error as text. */
export interface Terminal {
  /** Whether standard output is a terminal, where a line may be drawn over. */
  readonly interactive: boolean;
  /**
   * Writes as it is. Returns false when nobody reads any more.
   *
   * @throws {FileFailure} when it cannot be written, such as on a full disk.
   */
  out(text: string): boolean;
  /** Writes bytes as they are, as `out` writes text. */
  outBytes(bytes: Uint8Array): boolean;
  /** Writes to standard error. Returns false when that cannot be, for whatever reason. */
  error(text: string): boolean;
}

/** How the wait for a line ended: whoever gets one overwrites it. */
export type HiddenLine =
  | { readonly status: "ok"; readonly line: Uint8Array }
  | { readonly status: "ended" | "interrupted" | "too_long" };

/** Whoever sits at standard input, and is asked for what nobody else may see. */
export interface Keyboard {
  /** Whether standard input is a terminal: otherwise nobody can be asked. */
  readonly interactive: boolean;
  /**
   * Asks for a line that is not shown while it is typed. What is typed is shown again when this
   * resolves or rejects, however that comes: Enter, a key that interrupts, a signal.
   *
   * @throws {FileFailure} where standard input is no terminal, or cannot be read.
   */
  hiddenLine(prompt: string, lengthMax: number): Promise<HiddenLine>;
  /** The next line of an input that is no terminal. @throws {FileFailure} when it cannot be read. */
  inputLine(lengthMax: number): Promise<HiddenLine>;
}
