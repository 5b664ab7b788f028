import { decode, decodeArguments, encode } from "@poolmq/shared/task";

/** Values that go through all that encodes and decodes: one as JSON text, one in the general form. */
const PLAIN = { list: [1, "a", null] };
const GENERAL = { big: [1n] };

const plainText = encode(PLAIN);
const generalText = textOfGeneral();

/**
 * Whether values are still encoded and decoded as they were before any task was loaded. A task may have put something else
 * in the place of what that uses: then an item whose arguments can't be read, or whose result can't be sent, is not to
 * blame. To be asked only once something went wrong.
 */
export function isCodecSound(): boolean {
  try {
    const { values } = decodeArguments(`*[${plainText}]`);
    if (values.length !== 1 || encode(values[0]) !== plainText) return false;
    if (generalText === undefined) return true;
    // Written again, its bytes may be others that mean the same.
    const { big } = decode(encode(decode(generalText))) as typeof GENERAL;
    return big[0] === 1n;
  } catch {
    return false;
  }
}

/** Absent in a runtime without V8, whose values have another form. */
function textOfGeneral(): ReturnType<typeof encode> | undefined {
  try {
    return encode(GENERAL);
  } catch {
    return undefined;
  }
}
