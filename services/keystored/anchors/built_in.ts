/** A publisher whose keys bundles and updates may be signed with. */
export interface Publisher {
  /** Lower-case hexadecimal, as bundles name it. */
  readonly id: string;
  readonly enabled: boolean;
  readonly algorithms: readonly string[];
  /** Ed25519 public keys, 64 hexadecimal digits each: several while one takes another's place. */
  readonly keys: readonly string[];
}

/**
 * The publishers that this executable trusts, until there is a trust store. The private half of the one
 * key was drawn and thrown away: nobody signs for it, and a build for a product has its own list.
 */
export const BUILT_IN_PUBLISHERS: readonly Publisher[] = [
  {
    id: "42907ef874547e003cf66182d5fa0371",
    enabled: true,
    algorithms: ["ed25519"],
    keys: ["d86164c11ebca4de1bb14e4dff6be47d6c66e4cdb310e522f8d54bfaf93ed9d6"],
  },
];
