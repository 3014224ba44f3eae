import type { HostStream, UnixSockets } from "@runtime/core/ports.ts";

/**
 * Unix sockets of a process that may use one path alone: Deno 2.9 permits each socket by its whole
 * path, and where a node's will stand is not known before its port is.
 *
 * A socket is made at that path and then moved to where it belongs, so that it appears there when it
 * accepts already. To ask at another, that one gets a second name at the path for as long.
 */
export function draftedSockets(unix: UnixSockets, draft: string): UnixSockets {
  return {
    async listen(path, accept) {
      removeIfThere(draft);
      const listener = await unix.listen(draft, accept);
      Deno.renameSync(draft, path);
      return {
        async close() {
          unlessAbsent(() => Deno.renameSync(path, draft));
          await listener.close(); // removes what lies at the path where it was made
          removeIfThere(draft);
        },
      };
    },
    connect(path) {
      removeIfThere(draft);
      unlessAbsent(() => Deno.linkSync(path, draft));
      return whenSettled(unix.connect(draft), () => removeIfThere(draft));
    },
  };
}

/** The same stream, which tells when it is known whether the other end accepts. */
function whenSettled(stream: HostStream, settled: () => void): HostStream {
  return {
    observe: (observer) =>
      stream.observe({
        opened() {
          settled();
          observer.opened();
        },
        data: (bytes) => observer.data(bytes),
        ended: () => observer.ended(),
        writable: () => observer.writable(),
        closed(error) {
          settled();
          observer.closed(error);
        },
      }),
    write: (bytes) => stream.write(bytes),
    resume: () => stream.resume(),
    end: () => stream.end(),
    reset: () => stream.reset(),
  };
}

function removeIfThere(path: string): void {
  unlessAbsent(() => Deno.removeSync(path));
}

function unlessAbsent(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
