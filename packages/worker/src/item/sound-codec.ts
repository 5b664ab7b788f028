import { decode, decodeArguments, encode } from "@poolmq/shared/task";

/** Values that go through all that encodes and decodes: one as JSON text, one in the general form. */
const SAMPLES = [{ list: [1, "a", null] }, { big: [1n] }] as const;
const ENCODED = [encode(SAMPLES[0]), encode(SAMPLES[1])] as const;

/**
 * Whether values are still encoded and decoded as they were before any task was loaded. A task may have put something else
 * in the place of what that uses: then an item whose arguments can't be read, or whose result can't be sent, is not to
 * blame. To be asked only once something went wrong.
 */
export function isCodecSound(): boolean {
  try {
    const { values } = decodeArguments(`*[${ENCODED[0]}]`);
    if (values.length !== 1 || encode(values[0]) !== ENCODED[0]) return false;
    // Written again, its bytes may be others that mean the same.
    const { big } = decode(encode(decode(ENCODED[1]))) as (typeof SAMPLES)[1];
    return big[0] === 1n;
  } catch {
    return false;
  }
}
