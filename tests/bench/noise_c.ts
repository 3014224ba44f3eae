import createNoise from "noise-c.wasm";

/** Noise-C's cipher state, as the package wraps it. */
export interface NoiseCCipher {
  EncryptWithAd(ad: Uint8Array, plain: Uint8Array): Uint8Array;
  DecryptWithAd(ad: Uint8Array, sealed: Uint8Array): Uint8Array;
  free(): void;
}

/** Noise-C's handshake state, as the package wraps it. */
export interface NoiseCHandshake {
  Initialize(
    prologue: Uint8Array | null,
    secret: Uint8Array | null,
    remote: Uint8Array | null,
  ): void;
  WriteMessage(payload: Uint8Array | null): Uint8Array;
  ReadMessage(message: Uint8Array, payloadNeeded: boolean): Uint8Array;
  GetHandshakeHash(): Uint8Array;
  /** Sending state, then receiving state. Frees the handshake. */
  Split(): readonly [NoiseCCipher, NoiseCCipher];
}

/** The package, loaded: an independent implementation of the very suite that sessions use. */
export interface NoiseC {
  readonly constants: {
    readonly NOISE_ROLE_INITIATOR: number;
    readonly NOISE_ROLE_RESPONDER: number;
  };
  readonly HandshakeState: new (protocol: string, role: number) => NoiseCHandshake;
}

/** Loads it. It complains about streaming compilation before it takes the other way: not printed. */
export async function openNoiseC(): Promise<NoiseC> {
  const silent = { print: () => {}, printErr: () => {} };
  const [error, warn] = [console.error, console.warn];
  console.error = console.warn = () => {};
  try {
    // The package has no types; its shape is the interface above.
    const load = createNoise as unknown as (
      options: unknown,
      done: (library: NoiseC) => void,
    ) => void;
    return await new Promise((resolve) => load(silent, resolve));
  } finally {
    [console.error, console.warn] = [error, warn];
  }
}
