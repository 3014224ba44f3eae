/** First port of those taken for connections that name none. Source: RFC 6335, "Port Number Ranges". */
const PORT_MIN = 49_152;
const PORT_COUNT = 16_384;

/**
 * A free port for a connection, the first from a random start.
 *
 * Source: RFC 6056, "Algorithm 1: Simple Port Randomization Algorithm".
 *
 * @param random A random u32.
 * @returns 49152..65535, or `undefined` when each of them is taken.
 */
export function ephemeralPort(
  random: number,
  taken: (port: number) => boolean,
): number | undefined {
  for (let step = 0; step < PORT_COUNT; step++) {
    const port = PORT_MIN + (random + step) % PORT_COUNT;
    if (!taken(port)) return port;
  }
  return undefined;
}
