/**
 * Two sessions that face each other over a stream in memory: what dsoftbusd's own part costs, with
 * no IPC, no stack and no socket beneath it.
 *
 * @module
 */

import { Transport } from "@net/noise/transport.ts";
import { RecordStream } from "@services/dsoftbusd/record_stream.ts";
import { PONG, Session } from "@services/dsoftbusd/session.ts";
import { manualClock } from "../fakes/clock.ts";
import { streamPair } from "../fakes/streams.ts";

/** Payloads of one measured run at 64 B and at 64 KiB. */
const SMALL = { size: 64, count: 2_000, window: 1 } as const;
const PIPELINED = { size: 64, count: 2_000, window: 32 } as const;
/** The largest payload that one record holds. */
const LARGE = { size: 65_480, count: 200, window: 8 } as const;
const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;

/** A session that asks and one that answers with the request itself, or with a word. */
function askerOf(serve: (request: Uint8Array) => Uint8Array): Session {
  const clock = manualClock();
  const [near, far] = streamPair(clock, { forget: true });
  const make = (role: "initiator" | "responder", stream: typeof near) =>
    new Session({
      role,
      deviceId: "ab".repeat(32),
      hash: KEYS[0],
      transport: new Transport({
        send: role === "initiator" ? KEYS[0] : KEYS[1],
        receive: role === "initiator" ? KEYS[1] : KEYS[0],
      }),
      records: new RecordStream(stream, clock),
      clock,
      serve: (_, request) => serve(request),
      announced: () => Promise.resolve(),
    });
  const asker = make("initiator", near);
  asker.run();
  make("responder", far).run();
  return asker;
}

async function ask(
  asker: Session,
  { size, count, window }: typeof SMALL | typeof PIPELINED | typeof LARGE,
): Promise<void> {
  const request = new Uint8Array(size);
  const inFlight: Promise<unknown>[] = [];
  for (let sent = 0; sent < count || inFlight.length > 0;) {
    while (sent < count && inFlight.length < window) {
      inFlight.push(asker.request(request));
      sent += 1;
    }
    await inFlight.shift();
  }
}

const echo = askerOf((request) => request);
const sink = askerOf(() => PONG);

Deno.bench(`${SMALL.count} round trips of ${SMALL.size} B, one at a time`, async () => {
  await ask(echo, SMALL);
});

Deno.bench(`${PIPELINED.count} round trips of 64 B, ${PIPELINED.window} at a time`, async () => {
  await ask(echo, PIPELINED);
});

Deno.bench(`${LARGE.count} payloads of ${LARGE.size} B there and back`, async () => {
  await ask(echo, LARGE);
});

Deno.bench(`${LARGE.count} payloads of ${LARGE.size} B one way`, async () => {
  await ask(sink, LARGE);
});
