/**
 * Values as bytes in V8's structured clone format, and back.
 *
 * V8's format has a version in its second byte. Node 22 (V8 12.4), 24 (13.6) and 26 all write version 15, and each was
 * seen to read what the others write; a reader refuses a newer version than its own with a `DecodeError` that says so.
 * One exception: `Float16Array` is new in Node 24, and a producer or worker on 22 can't decode one.
 */

// Not the global: a task may put something else in its place.
import { Buffer } from "node:buffer";
import v8 from "node:v8";

import { claimedElements } from "./clone-claims.ts";

/**
 * Array elements beyond those that the bytes hold, in one value. They are holes, at 8 bytes each on arrival: 32 MB.
 */
const MAX_HOLES = 4_000_000;

/** The value's bytes. Throws what V8 throws. */
export function toCloneBytes(value: unknown): Buffer {
  return v8.serialize(value);
}

/** The value of the bytes, which are not trusted. Throws an Error that says what is wrong with them. */
export function fromCloneBytes(bytes: Buffer): unknown {
  const reader = new CloneReader(bytes);
  try {
    reader.readHeader();
  } catch (error) {
    const [, own] = v8.serialize(null);
    const [mark, version] = bytes;
    if (mark !== 0xff || version === undefined || own === undefined || version <= own) throw error;
    const reason = `it is in version ${version} of V8's format, and Node ${process.version} reads up to ${own}`;
    throw new Error(reason, { cause: error });
  }
  if (isTooSparse(bytes)) throw new Error("it claims arrays with far more elements than it has");
  return reader.readValue();
}

/** Checked at both ends, so that nothing is sent that would be refused on arrival. */
export function isTooSparse(bytes: Buffer): boolean {
  return claimedElements(bytes) > bytes.length + MAX_HOLES;
}

/** Node documents `_readHostObject`; its type declarations leave it out. */
const ViewReader = v8.DefaultDeserializer as unknown as new (
  bytes: Buffer,
) => v8.DefaultDeserializer & { _readHostObject(): unknown };

/**
 * Gives each typed array, and each Buffer, memory of its own. Node's reader leaves them on the bytes of the whole payload:
 * a small one would keep a large payload in memory, and lies there at whatever offset, where its bytes can't be looked at
 * as `Float64Array`.
 */
class CloneReader extends ViewReader {
  /** Called by V8 for each view. */
  override _readHostObject(): unknown {
    const view = this.#readView();
    if (Buffer.isBuffer(view)) {
      // `Buffer.from` would put it into the memory that small Buffers share.
      const own = Buffer.allocUnsafeSlow(view.length);
      view.copy(own);
      return own;
    }
    if (view instanceof DataView) {
      return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    }
    return (view as Uint8Array).slice();
  }

  #readView(): unknown {
    try {
      return super._readHostObject();
    } catch (error) {
      throw new Error(`it holds a typed array that Node ${process.version} can't make`, { cause: error });
    }
  }
}
