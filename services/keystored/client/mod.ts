/**
 * nexus-keys: keys of applications that never leave the device, for programs.
 *
 * @example From a daemon of the node, which declares `calls: { keys }`
 * ```ts ignore
 * const own = new NexusKeys(channel.keys);
 * const { signature } = await own.sign({ app: "mail", key: "letters" }, message);
 * ```
 *
 * @module
 */

export { ALGORITHM_NAMES, type AlgorithmName, KEY_USES, type KeyUse } from "./algorithm.ts";
export { KEY_ERROR_DOCS, KEY_ERRORS, type KeyErrorCode } from "./key_error.ts";
export { keyIdOf, keyIdText, type KeyName, parseKeyId } from "./key_id.ts";
export type { KeyInfo, KeySummary, KeyVersionInfo } from "./key_info.ts";
export * from "./key_limits.ts";
export type {
  EndedUse,
  KeyChange,
  KeyRef,
  MadeBy,
  NewKey,
  Opened,
  OpenInput,
  SealInput,
} from "./key_requests.ts";
export { KeyError, KeysUnavailable } from "./keys_failure.ts";
export { KEY_OPERATIONS, KEY_STATES, type KeyOperation, type KeyState } from "./lifecycle.ts";
export { NexusKeys } from "./nexus_keys.ts";
export {
  hasPublicHalf,
  type PublicAlgorithm,
  type PublicJwk,
  publicKeyJwk,
  publicKeyPem,
  publicKeySsh,
  readPublicKey,
} from "./public_key_text.ts";
export { SshDigest } from "./ssh_digest.ts";
export {
  looksLikeSshSignature,
  readSshSignature,
  SSH_NAMESPACE_DEFAULT,
  SSH_NAMESPACE_LENGTH_MAX,
  SSH_SIGNATURE_TEXT_MAX,
  type SshSignature,
  sshSignatureText,
  sshSignedBytes,
} from "./ssh_signature.ts";
export {
  parseSealed,
  parseSent,
  type SealedHead,
  type SealedParts,
  type SentHead,
} from "./sealed_blob.ts";
