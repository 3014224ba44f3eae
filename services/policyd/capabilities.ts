/**
 * Every capability that a grant may name. A grant of any other is a mistake, and the node does not
 * start with it; a test compares the list with what operations and daemons ask for.
 */
export const KNOWN_CAPABILITIES: ReadonlySet<string> = new Set([
  "crypto.sign",
  "crypto.verify",
  "device.keygen",
  "device.mmio.blk",
  "device.mmio.net",
  "device.mmio.rng",
  "device.pubkey.read",
  "dsoftbus.connect",
  "dsoftbus.peers",
  "dsoftbus.ping",
  "dsoftbus.resolve",
  "identity.announce",
  "identity.key.admin",
  "identity.key.agree",
  "identity.key.create",
  "identity.key.decrypt",
  "identity.key.derive",
  "identity.key.read",
  "identity.key.revoke",
  "identity.key.rotate",
  "identity.key.sign",
  "identity.log",
  "identity.read",
  "identity.session",
  "identity.sign",
  "identity.verify",
  "ipc.core",
  "keystore.kek",
  "keystore.values",
  "log.query",
  "net.connect",
  "net.listen",
  "net.ping",
  "net.udp",
  "node.provoke",
  "node.ps",
  "node.stop",
  "policy.check",
  "policy.delegate",
  "proc.spawn",
  "rng.entropy",
  "route.execd",
  "samgr.register",
  "samgr.resolve",
  "state.key",
  "statefs.admin",
  "statefs.boot",
  "statefs.keystore",
  "statefs.log",
  "statefs.quota",
  "statefs.quota.read",
  "statefs.quota.set",
  "statefs.read",
  "statefs.write",
]);

/** Capabilities about what belongs to an application: the target says which. */
export const SCOPED_PREFIX = "identity.key.";
/** Those of them that hold for every application. */
export const UNSCOPED: ReadonlySet<string> = new Set(["identity.key.admin"]);

/** Capabilities that policyd itself looks for, by the check that does. Source: Open Nexus OS. */
export const CHECKED_CAPABILITY = {
  check: "ipc.core",
  route: "ipc.core",
  /** In the place of `route`'s when the target is this one. */
  routeExecd: "route.execd",
  exec: "proc.spawn",
  delegate: "policy.delegate",
} as const;
