import type { Attempt, Outcome, Sandbox } from "@runtime/core/sandbox_ports.ts";
import { nodePermissions, requirePermissions, workerPermissions } from "./permissions.ts";

/** Threads with the permissions of a node. */
export function hostSandbox(): Sandbox {
  return {
    permissionsOf: (reach) => nodePermissions(reach),
    tried(reach, attempts) {
      const permissions = nodePermissions(reach);
      requirePermissions(permissions);
      const worker = new Worker(new URL("./sandbox_worker.ts", import.meta.url), {
        type: "module",
        name: "sandbox",
        deno: { permissions: workerPermissions(permissions) },
      });
      return answered(worker, attempts);
    },
    peer() {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { hostname: host, port } = listener.addr;
      const served = hangUp(listener);
      return Promise.resolve({
        address: { host, port },
        close() {
          listener.close();
          return served;
        },
      });
    },
    source: Deno.build.standalone ? undefined : new URL(import.meta.url).pathname,
  };
}

async function answered(
  worker: Worker,
  attempts: readonly Attempt[],
): Promise<readonly Outcome[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Outcome[]>();
  worker.addEventListener("message", ({ data }: MessageEvent<readonly Outcome[]>) => resolve(data));
  worker.addEventListener("error", (event) => reject(event.error));
  worker.postMessage(attempts);
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}

async function hangUp(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) connection.close();
}
