import {
  replaceClient,
  replaceHandlers,
  replaceReplies,
  replaceSyscalls,
} from "../../fakes/node.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { policyd } from "@services/policyd/protocol.ts";
import { samgrd } from "@services/samgrd/protocol.ts";
import { failed, type Mutation } from "./mutation.ts";

const SELFTEST = "selftest-client";
const SAMGRD = { daemon: "samgrd", key: "samgrd", service: samgrd } as const;

/** Where the selftest's LOOKUP says that its name is longer than its frame, and where replies tell. */
const CUT_LENGTH_OFFSET = 4;
const CUT_LENGTH = 200;
const STATUS_OFFSET = 4;

/** A kernel that does not keep its word to the selftest, and daemons that misroute. */
export const KERNEL_MUTATIONS: readonly Mutation[] = [
  {
    name: "a kernel whose memory objects stay mapped after they are closed",
    replace: () =>
      replaceSyscalls(SELFTEST, (own) => {
        const mapped = new Map<number, Uint8Array<ArrayBuffer>>();
        return {
          vmoMap(slot) {
            const bytes = own.vmoMap(slot) ?? mapped.get(slot);
            if (bytes !== undefined) mapped.set(slot, bytes);
            return bytes;
          },
        };
      }),
    red: failed("SELFTEST: vm map roundtrip"),
  },
  {
    name: "a kernel that tells about capabilities without the MAP right",
    replace: () =>
      replaceSyscalls(SELFTEST, (own) => ({
        capQuery: (slot) => {
          const query = own.capQuery(slot);
          return query.status === "ok" ? query : { status: "ok", kind: "vmo", base: 0, length: 1 };
        },
      })),
    red: failed("SELFTEST: cap query vmo"),
  },
  {
    name: "a kernel that cuts off long frames",
    replace: () =>
      replaceSyscalls(SELFTEST, (own) => ({
        trySend: (slot, frame) => own.trySend(slot, frame.subarray(0, 4096)),
      })),
    red: failed("SELFTEST: ipc payload roundtrip"),
  },
  {
    name: "a kernel whose deadlines pass at once",
    replace: () =>
      replaceSyscalls(SELFTEST, (own) => {
        const sent = new Set<number>();
        return {
          trySend(slot, frame) {
            sent.add(slot);
            return own.trySend(slot, frame);
          },
          receive: (slot, deadlineNs) =>
            deadlineNs === undefined || sent.size > 0
              ? own.receive(slot, deadlineNs)
              : Promise.resolve({ status: "timed_out" }),
          capClose(slot) {
            sent.delete(slot);
            return own.capClose(slot);
          },
        };
      }),
    red: failed("SELFTEST: ipc deadline timeout"),
  },
  {
    name: "a kernel whose endpoints take more than their depth",
    replace: () =>
      replaceSyscalls(SELFTEST, (own) => ({
        endpointCreate: (depth) => own.endpointCreate(depth * 2),
      })),
    red: failed("SELFTEST: nexus-ipc kernel loopback"),
  },
  {
    name: "a keystored that does not know its own key",
    replace: () =>
      replaceClient({ daemon: SELFTEST, key: "keystored", service: keystored }, () => ({
        getDevicePubkey: () => Promise.resolve({ status: "key_not_found" }),
      })),
    red: failed("SELFTEST: ipc routing keystored"),
  },
  {
    name: "a samgrd that answers nothing of use",
    replace: () =>
      replaceHandlers(SAMGRD, () => ({ senderServiceId: () => ({ status: "unsupported" }) })),
    red: failed("SELFTEST: ipc routing samgrd"),
  },
  {
    name: "a policyd that denies core IPC",
    replace: () =>
      replaceHandlers({ daemon: "policyd", key: "policyd", service: policyd }, () => ({
        check: () => ({ status: "denied" }),
      })),
    red: failed("SELFTEST: ipc routing policyd"),
  },
  {
    name: "a samgrd that lost one daemon",
    replace: () =>
      replaceHandlers(SAMGRD, (own) => ({
        lookup: (request, call) =>
          request.name === "identityd" ? { status: "not_found" } : own.lookup(request, call),
      })),
    red: failed("SELFTEST: ipc routing"),
  },
  {
    name: "a samgrd whose pong is another word",
    replace: () =>
      replaceHandlers(SAMGRD, () => ({
        ping: () => ({ status: "ok", pong: Uint8Array.of(1, 2, 3, 4) }),
      })),
    red: failed("SELFTEST: ipc cap move reply"),
  },
  {
    name: "a sender id that is not the kernel's",
    replace: () =>
      replaceHandlers(SAMGRD, () => ({ senderServiceId: () => ({ status: "ok", sid: 7n }) })),
    red: failed("SELFTEST: ipc sender service_id"),
  },
  {
    name: "a samgrd that tires after a hundred calls",
    replace: () =>
      replaceHandlers(SAMGRD, (own) => {
        let calls = 0;
        return {
          senderServiceId: (request, call) =>
            ++calls > 100 ? { status: "unsupported" } : own.senderServiceId(request, call),
        };
      }),
    red: failed("SELFTEST: ipc soak"),
  },
  {
    name: "a samgrd that registers for nobody",
    replace: () =>
      replaceHandlers(SAMGRD, (own) => ({
        register: (request, call) =>
          request.name === "selftest.svc" ? { status: "over_limit" } : own.register(request, call),
      })),
    red: failed("SELFTEST: samgrd v1 register"),
  },
  {
    name: "a samgrd that mixes up places",
    replace: () =>
      replaceHandlers(SAMGRD, () => ({ lookup: () => ({ status: "ok", send: 1, receive: 1 }) })),
    red: failed("SELFTEST: samgrd v1 lookup"),
  },
  {
    name: "a samgrd that finds every name",
    replace: () =>
      replaceHandlers(SAMGRD, (own) => ({
        async lookup(request, call) {
          const found = await own.lookup(request, call);
          return found.status === "ok" ? found : { status: "ok", send: 7, receive: 9 };
        },
      })),
    red: failed("SELFTEST: samgrd v1 unknown"),
  },
  {
    name: "a samgrd that takes a frame cut short for a name it does not know",
    replace: () =>
      replaceReplies(SELFTEST, "samgrd", (request, reply) => {
        if (request[CUT_LENGTH_OFFSET] !== CUT_LENGTH) return reply;
        return reply.with(STATUS_OFFSET, samgrd.status.not_found);
      }),
    red: failed("SELFTEST: samgrd v1 malformed"),
  },
];
