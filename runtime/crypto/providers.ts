import { blake2sProvider } from "./blake2s.ts";
import { aeadProvider } from "./chacha_poly.ts";
import { ed25519Provider } from "./ed25519.ts";
import { hkdfProvider } from "./hkdf.ts";
import type { Provider, ProviderName } from "./provider.ts";
import { sha256Provider } from "./sha256.ts";
import { x25519Provider } from "./x25519.ts";

const ALL: readonly Pick<Provider<unknown>, "primitive" | "name" | "names" | "force">[] = [
  x25519Provider,
  ed25519Provider,
  aeadProvider,
  blake2sProvider,
  sha256Provider,
  hkdfProvider,
];

/** Who does which primitive in this process. Runs the self-tests that have not run yet. */
export function cryptoProviders(): Readonly<Record<string, ProviderName>> {
  return Object.fromEntries(ALL.map((provider) => [provider.primitive, provider.name]));
}

/**
 * Puts every primitive on the reference, or back to the choice by self-test.
 *
 * Keys already taken into use stay with the implementation that took them.
 */
export function forceProviders(name: "noble" | undefined): void {
  for (const provider of ALL) provider.force(name);
}
