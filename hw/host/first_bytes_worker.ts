/* An isolate that has drawn nothing before: it says what it draws first. */
const LENGTH_MAX = 65_536;

// The lib of a window, which checks this file too, knows no worker's postMessage.
const scope = globalThis as unknown as { postMessage(bytes: Uint8Array): void };
scope.postMessage(crypto.getRandomValues(new Uint8Array(LENGTH_MAX)));
