/**
 * The inspector's port is one for the whole host, and every node takes it. Whoever starts nodes holds
 * this lock with others; a test that needs the port for itself holds it alone.
 *
 * @module
 */

const PATH = `${Deno.env.get("TMPDIR") ?? "/tmp"}/nx-test-inspector-port.lock`;

/** Waits for the lock. What is returned holds it until it is closed. */
export async function inspectorPort(how: "shared" | "alone"): Promise<Deno.FsFile> {
  const file = await Deno.open(PATH, { create: true, write: true });
  await file.lock(how === "alone");
  return file;
}
