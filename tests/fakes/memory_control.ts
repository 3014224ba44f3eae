import { HostSocketFailure } from "@runtime/core/ports.ts";
import {
  type ControlSockets,
  type FrameStream,
  type FrameStreamObserver,
} from "@runtime/core/program_ports.ts";
import type { MemoryFiles } from "./memory_files.ts";

/** Control sockets in memory. Events come in later turns, in order. */
export interface MemoryControl extends ControlSockets {
  /** A socket that accepts and never says anything more. */
  silent(path: string): void;
  /** The accepted ends of connections to silent sockets. */
  readonly accepted: readonly FrameStream[];
}

/** One end of a connection in memory. */
class End implements FrameStream {
  other: End | undefined;
  #observer: FrameStreamObserver | undefined;
  #over = false;

  observe(observer: FrameStreamObserver): void {
    this.#observer = observer;
  }

  send(frame: Uint8Array): boolean {
    const bytes = frame.slice();
    const { other } = this;
    this.#later(() => other?.tell((observer) => observer.frame(bytes)));
    return !this.#over;
  }

  end(): void {
    this.#finish(undefined);
  }

  reset(): void {
    this.#finish("aborted");
  }

  open(): void {
    this.#later(() => this.tell((observer) => observer.opened()));
  }

  refuse(): void {
    this.#later(() => this.tell((observer) => observer.closed("refused")));
  }

  tell(event: (observer: FrameStreamObserver) => void): void {
    if (!this.#over && this.#observer !== undefined) event(this.#observer);
  }

  #finish(error: "aborted" | undefined): void {
    const { other } = this;
    const remote = error === undefined ? undefined : "reset";
    this.#later(() => {
      other?.over(remote);
      this.over(error);
    });
  }

  over(error: "aborted" | "reset" | undefined): void {
    this.tell((observer) => observer.closed(error));
    this.#over = true;
  }

  #later(work: () => void): void {
    Promise.resolve().then(work);
  }
}

/** @param files Shows a socket at every path that is listened on. */
export function memoryControl(files: MemoryFiles): MemoryControl {
  const listeners = new Map<string, (stream: FrameStream) => void>();
  const accepted: FrameStream[] = [];
  const listen = (path: string, accept: (stream: FrameStream) => void) => {
    if (listeners.has(path)) throw new HostSocketFailure("address_in_use", { host: path, port: 0 });
    listeners.set(path, accept);
    files.put(path, { kind: "socket" });
  };
  return {
    accepted,
    silent: (path) =>
      listen(path, (stream) => {
        stream.observe({ opened() {}, frame() {}, closed() {} });
        accepted.push(stream);
      }),
    listen(path, accept) {
      listen(path, accept);
      return Promise.resolve({
        close() {
          listeners.delete(path);
          files.remove(path);
          return Promise.resolve();
        },
      });
    },
    connect(path) {
      const near = new End();
      const accept = listeners.get(path);
      if (accept === undefined) near.refuse();
      else {
        const far = new End();
        near.other = far;
        far.other = near;
        near.open();
        accept(far);
      }
      return near;
    },
  };
}
