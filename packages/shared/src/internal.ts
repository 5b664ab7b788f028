/** For poolmq's own packages; promises nothing to anyone else. */

export { decode, encode } from "./codec.ts";
export type { DecodeOptions, EncodeOptions } from "./codec.ts";
export { attachRemote, decodeThrown, encodeThrown } from "./thrown.ts";
export type { DecodeThrownOptions, EncodeThrownOptions } from "./thrown.ts";
