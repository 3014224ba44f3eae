import { utf8Length } from "@runtime/core/utf8.ts";
import { InvalidArgumentError } from "commander";
import { type Field, text8 } from "@runtime/idl/field.ts";
import { SUBJECT_LENGTH_MAX } from "@runtime/idl/policy.ts";
import { controld } from "../controld/protocol.ts";
import { SENDER_LENGTH_MAX } from "../logd/protocol.ts";
import { ANY_PEER, PEER_PREFIX_LENGTH_MIN } from "../dsoftbusd/protocol.ts";

/** Reads one argument. @throws {InvalidArgumentError} with what is wrong about it. */
export type ArgumentReader = (text: string) => string;

const DEVICE_ID_LENGTH = 64;
const PEER = new RegExp(`^[0-9a-f]{${PEER_PREFIX_LENGTH_MIN},${DEVICE_ID_LENGTH}}$`);
const SUBJECT = /^(?:[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*|peer:[0-9a-f]{64})$/;
/** No writer and no application has a slash or a control character in its name. */
const OWNER = /^(?:subject|app):[^/\p{Cc}]+$/u;
const CAPABILITY = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;

const { ping, resolve, log, checkPolicy, setQuota } = controld.ops;

/** What a peer is named by, in a help. */
export const PEER_TEXT =
  `device id, the beginning of it (${PEER_PREFIX_LENGTH_MIN} digits or more), or ${ANY_PEER}`;

/** Reads a peer of `nx ping` and `nx resolve`: a device id, the beginning of one, or `any`. */
export function peerArgument(text: string): string {
  const peer = text.toLowerCase();
  if (peer === ANY_PEER || PEER.test(peer)) return bounded(ping.request.peer)(peer);
  throw new InvalidArgumentError(
    `It is neither ${PEER_PREFIX_LENGTH_MIN} to ${DEVICE_ID_LENGTH} hex digits nor "${ANY_PEER}".`,
  );
}

/** Reads the service of `nx resolve`. */
export const serviceArgument = bounded(resolve.request.service);

/** Reads `nx log --scope`. */
export const scopeOption = bounded(log.request.scope);

/** Reads `nx log --service`. */
export const senderOption = bounded(text8(1, SENDER_LENGTH_MAX));

/** Reads `nx log --subject`. */
export const subjectOption = bounded(text8(1, SUBJECT_LENGTH_MAX));

/** Reads the subject of `nx policy check`, as policyd takes one. */
export const subjectArgument = shaped(
  bounded(checkPolicy.request.subject),
  SUBJECT,
  "It is no subject such as rngd, peer, or peer: and a device id.",
);

/** Reads the capability of `nx policy check`, as policyd takes one. */
export const capabilityArgument = shaped(
  bounded(checkPolicy.request.capability),
  CAPABILITY,
  "It is no capability such as rng.entropy.",
);

/** Reads the owner of `nx quota set`, as statefsd takes one. */
export const ownerArgument = shaped(
  bounded(setQuota.request.owner),
  OWNER,
  "It is no owner such as subject:vfsd or app:mail.",
);

/** Reads `nx policy check --target`. */
export const targetOption = bounded(checkPolicy.request.target);

/** Reads a text that is to travel in `field`, within the bounds that the field declares. */
export function bounded(field: Field<string>): ArgumentReader {
  // Its samples are a shortest and a longest text.
  const [lengthMin = 0, lengthMax = lengthMin] = field.samples.map((text) => utf8Length(text));
  return (text) => {
    const length = utf8Length(text);
    if (length >= lengthMin && length <= lengthMax) return text;
    throw new InvalidArgumentError(`It takes ${lengthMin} to ${lengthMax} bytes, not ${length}.`);
  };
}

function shaped(read: ArgumentReader, shape: RegExp, complaint: string): ArgumentReader {
  return (text) => {
    if (!shape.test(read(text))) throw new InvalidArgumentError(complaint);
    return text;
  };
}
