import { type FileError, FileFailure } from "@runtime/core/program_ports.ts";

const FIT = "use another directory, or put back what is missing from a copy";

/** Why a state directory or an image cannot be used, each with what to do. */
const TEXTS = {
  "absent": "is no state directory: nx init --state makes one",
  "bad_facts": "holds a state.json that this version does not read: put it back from a copy",
  "bad_key": "holds a key file that is none: put it back from a copy",
  "bad_keystore_key":
    "holds a state.json in which keystored's own key is damaged: put it back from a copy",
  "bad_passphrase": "is no passphrase: its first line must have 8 to 1024 bytes",
  "bad_witness":
    "holds a state.seen that is none: put it back from a copy, or remove it if nobody " +
    "put an older image back",
  "damaged": "holds an image that is damaged: see nx fsck",
  "exists": "is a state directory already: nothing was changed",
  "foreign": "holds an image that belongs to another directory: see nx fsck",
  "import_begun":
    "was begun with nx init --from and is not whole: repeat that command, or remove that directory",
  "image_missing": `has lost its image: ${FIT}`,
  "image_resized":
    "holds an image of another length than it was made with: put it back from a copy",
  "image_unreadable": "holds an image that the host cannot read or write",
  "key_left": "holds the key of an nx init that was cut off: repeat it without a passphrase, " +
    "or remove that directory",
  "key_missing": `has lost its key, and without it its values are lost: ${FIT}`,
  "no_entropy": "cannot be used: the host gave no random bytes",
  "no_facts": "has an image and no state.json: put it back from a copy, or use another directory",
  "not_empty": "holds other files and is no state directory: use an empty one",
  "other_size":
    "was begun with another --size and not completed: repeat nx init with that one, or, if a node " +
    "has run on it, put state.json back from a copy",
  "other_source":
    "was begun with another --from: repeat it with that one, or remove that directory",
  "passphrase_needed": "is under a passphrase: give it with --passphrase-file, or with " +
    "--passphrase at a terminal",
  "passphrase_unasked": "is under a key file and takes no passphrase",
  "repair_failed": "is not clean after its repair: put the image back from a copy",
  "rolled_back": "holds an image that is older than it was seen to be: put the newer one back",
  "source_blank": "holds no log: there is nothing to take over",
  "source_damaged":
    "is damaged, and valid records follow the damage (see nx fsck): put it back from a copy, or " +
    "have --skip-unreadable take over what lies before it",
  "source_lost": "holds no log that can be found: put it back from a copy",
  "source_ours":
    "was made by this program and needs its own key: use its directory as it is, or copy that whole",
  "source_too_large": "holds more than a node keeps: 65,536 values and 32 MiB",
  "values_refused":
    "holds values that are forged or older than they should be: write them anew or " +
    "delete them first; nothing was changed",
  "wrong_key": "is under another key or passphrase than this one",
} as const;

const HOST_TEXTS: Readonly<Partial<Record<FileError, string>>> = {
  "bad_length": "is no image: its length is no whole number of sectors",
  "busy": "is in use by another process: stop the node that runs on it (see nx nodes), " +
    "or use another one",
  "no_space": "cannot be written: the host has no room left",
  "not_found": "is not there",
  "not_private":
    "can be opened by others or belongs to another user: take it back with chmod 700 " +
    "for a directory and chmod 600 for a file",
  "permission_denied": "may not be used by this process",
  "replaced": "was put in the place of another file while it was opened",
  "too_large": "is larger than any such file",
  "wrong_kind": "is a link or no such file or directory: name the place itself",
};

export type StateFailureCode = keyof typeof TEXTS | FileError;

/** A state directory or an image that cannot be used. The message is one line that says what to do. */
export class StateFailure extends Error {
  override readonly name = "StateFailure";
  readonly code: StateFailureCode;
  readonly path: string;

  /** @param options As `cause` the failure behind it. */
  constructor(code: StateFailureCode, path: string, options?: ErrorOptions) {
    super(`${path} ${textOf(code)}`, options);
    this.code = code;
    this.path = path;
  }
}

function textOf(code: StateFailureCode): string {
  const texts: Readonly<Partial<Record<StateFailureCode, string>>> = { ...HOST_TEXTS, ...TEXTS };
  return texts[code] ?? `cannot be used: ${code}`;
}

/** Does `work` and says in whole sentences what the host refused. */
export async function stating<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FileFailure)) throw error;
    throw new StateFailure(error.code, error.path, { cause: error });
  }
}
