/** What the package nexus-keys is entered by; nothing of the program imports it. */
export const PACK_ENTRY = "hw/host/keys_client.ts";
