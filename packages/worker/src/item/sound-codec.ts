import { decode, decodeArguments, encode } from "@poolmq/shared/task";

/** Values that exercise the whole codec: one as JSON text, one in the general form. */
const PLAIN = { list: [1, "a", null] };
const GENERAL = { big: [1n] };

const plainText = encode(PLAIN);
const generalText = textOfGeneral();

/**
 * Whether values are still encoded and decoded as they were before any task was loaded. A task may have replaced globals
 * that the codec uses. An item whose arguments can't be read, or whose result can't be sent, is then not to blame. Called
 * only after something went wrong.
 */
export function isCodecSound(): boolean {
  try {
    const { values } = decodeArguments(`*[${plainText}]`);
    if (values.length !== 1 || encode(values[0]) !== plainText) return false;
    if (generalText === undefined) return true;
    // Decoded values are compared, because the same value may be encoded in different bytes.
    const { big } = decode(encode(decode(generalText))) as typeof GENERAL;
    return big[0] === 1n;
  } catch {
    return false;
  }
}

/** `undefined` in a runtime without V8, where the general form does not exist. */
function textOfGeneral(): ReturnType<typeof encode> | undefined {
  try {
    return encode(GENERAL);
  } catch {
    return undefined;
  }
}
