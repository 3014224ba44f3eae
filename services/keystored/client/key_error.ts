/** Why keystored refuses: the same names in replies, in the client library and in `nx key`. */
export const KEY_ERRORS = [
  "EPERM",
  "ENOENT",
  "EALREADY",
  "EKEYREVOKED",
  "EINVAL",
  "E2BIG",
  "EDQUOTA",
  "EEXPIRED",
] as const;
/** The closed union of refusals. */
export type KeyErrorCode = typeof KEY_ERRORS[number];

/** What each refusal means, for the reference page. */
export const KEY_ERROR_DOCS: Readonly<Record<KeyErrorCode, string>> = {
  EPERM: "policy does not allow it, or the key's state, uses or version do not",
  ENOENT: "there is no such key, or not any more",
  EALREADY: "it is so already",
  EKEYREVOKED: "the key was revoked, or waits for its destruction",
  EINVAL: "the request makes no sense, or what is to be opened was not made by this key",
  E2BIG: "something is longer than its bound",
  EDQUOTA: "a bound on how many or how often is reached; the reply has both numbers",
  EEXPIRED: "the key's time is over, or this version is below the least that may be used",
};
