/** What a compromised entry speaks with: the isolate's own port to the boot, and those of its rights. */
export const mouth: { control: MessagePort | undefined; readonly requests: MessagePort[] } = {
  control: undefined,
  requests: [],
};
