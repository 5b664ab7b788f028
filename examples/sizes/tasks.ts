/** The registered function: a plain one, which may block as long as it likes. */

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** gzip's default, and a brotli quality for files that are compressed once and served often. */
export const GZIP_LEVEL = 6;
export const BROTLI_QUALITY = 7;

/** Sizes of a file in bytes, or why it could not be read. */
export type FileSizes =
  | { readonly bytes: number; readonly gzip: number; readonly brotli: number }
  | { readonly unreadable: string };

/** Reads a file and compresses it both ways. A file that can't be read gives a result that says so, and no error. */
export function sizes(path: string): FileSizes {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    return { unreadable: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
  const brotliParameters = {
    [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  return {
    bytes: content.length,
    gzip: gzipSync(content, { level: GZIP_LEVEL }).length,
    brotli: brotliCompressSync(content, { params: brotliParameters }).length,
  };
}
