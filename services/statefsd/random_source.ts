/** Where nonces come from. */
export interface RandomSource {
  /** Fresh bytes that nobody else got; `undefined` when there are none to be had. */
  draw(length: number): Promise<Uint8Array | undefined>;
}
