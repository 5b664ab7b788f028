/**
 * Adds up the lengths of arrays that bytes in V8's clone format claim, before V8 is given the bytes.
 *
 * V8 makes an array at the length that is claimed and looks for its elements afterwards. Some 400 bytes with forty empty
 * arrays "of 30,000,000", or 8 MiB of arrays nested in arrays that each claim all the bytes that follow, end the process
 * for want of memory, which no `try` catches (seen on Node 22, 24 and 26).
 *
 * The format is a list of tokens that each say how long they are, so that one pass with no recursion finds the claims
 * and steps over texts and memory at once. It follows version 15 in V8's `src/objects/value-serializer.cc`, and for host
 * objects (views) Node's `lib/v8.js`. A token that Node never writes is refused.
 */

/** What follows a tag. `PREFIX` tags belong to the value behind them. */
const PREFIX = 1;
const BARE = 2;
const ONE_NUMBER = 3;
const EIGHT_BYTES = 4;
const COUNTED_BYTES = 5;
const BIGINT = 6;
const OPEN = 7;
const CLOSE_ONE = 8;
const CLOSE_TWO = 9;
const ARRAY = 10;
const ERROR = 11;
const REGEXP = 12;
const HOST = 13;
const RESIZABLE = 14;
const ERROR_PART = 15;
const ERROR_END = 16;

const KINDS = kindsOf({
  "\0s": PREFIX, // padding; a boxed string
  "_0TF-yx": BARE, // undefined, null, booleans, a hole, boxed booleans
  "IU^": ONE_NUMBER, // integers, a reference to an earlier object
  NDn: EIGHT_BYTES, // a number, a date, a boxed number
  '"cSB': COUNTED_BYTES, // texts in Latin-1, UTF-16 and UTF-8, an ArrayBuffer
  Zz: BIGINT,
  "o;'": OPEN, // an object, a Map, a Set
  "{:,": CLOSE_ONE,
  "@$": CLOSE_TWO, // the ends of sparse and dense arrays
  Aa: ARRAY,
  r: ERROR,
  R: REGEXP,
  "\\": HOST,
  "~": RESIZABLE,
});

/** Inside an error, tags have other meanings: its class, its parts (a value follows each), its end. */
const ERROR_KINDS = kindsOf({ EFRSTU: PREFIX, mcs: ERROR_PART, ".": ERROR_END });

/** Where the next token stands. */
const IN_CONTAINER = 0;
/** One value is expected: the whole payload, or a part of an error. */
const IN_SINGLE = 1;
const IN_ERROR = 2;
/** The pattern of a regular expression is expected; its flags follow. */
const IN_REGEXP = 3;

/**
 * The sum of the lengths of all arrays. In what V8 writes, each element of a dense array takes a byte at least.
 *
 * @throws Error if the bytes are not in the format.
 */
export function claimedElements(bytes: Uint8Array): number {
  let at = 1; // behind 0xff
  let claimed = 0;
  const outer: number[] = [];
  let place = IN_SINGLE;

  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw malformed("it ends too early");
    return value;
  };
  /** A number of 7 bits a byte, the lowest first. */
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const next = byte();
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
    throw malformed("a number is too long");
  };
  const skip = (count: number): void => {
    at += count;
  };
  const enter = (next: number): void => {
    outer.push(place);
    place = next;
  };
  const leave = (): void => {
    place = outer.pop() ?? IN_CONTAINER;
  };
  /** A value has ended. */
  const complete = (): void => {
    while (place === IN_REGEXP) {
      number(); // its flags
      leave();
    }
    if (place === IN_SINGLE) leave();
  };

  if (number() < 15) throw malformed("it is in an old version of the format");
  do {
    const tag = byte();
    const kind = (place === IN_ERROR ? ERROR_KINDS : KINDS)[tag];
    switch (kind) {
      case PREFIX:
        continue;
      case BARE:
        break;
      case ONE_NUMBER:
        number();
        break;
      case EIGHT_BYTES:
        skip(8);
        break;
      case COUNTED_BYTES:
        skip(number());
        break;
      case BIGINT:
        skip(Math.floor(number() / 2)); // the lowest bit is the sign
        break;
      case ARRAY:
        claimed += number();
        enter(IN_CONTAINER);
        continue;
      case OPEN:
        enter(IN_CONTAINER);
        continue;
      case ERROR:
        enter(IN_ERROR);
        continue;
      case REGEXP:
        enter(IN_REGEXP);
        continue;
      case ERROR_PART:
        enter(IN_SINGLE);
        continue;
      case CLOSE_TWO:
        number();
        number();
        leave();
        break;
      case CLOSE_ONE:
        number();
        leave();
        break;
      case ERROR_END:
        leave();
        break;
      case HOST:
        number(); // which class
        skip(number());
        break;
      case RESIZABLE: {
        const length = number();
        number(); // how large it may become: address space, not memory
        skip(length);
        break;
      }
      default:
        throw malformed("it holds an unknown token");
    }
    complete();
  } while (outer.length > 0 || place === IN_SINGLE);
  return claimed;
}

function kindsOf(kinds: Readonly<Record<string, number>>): Uint8Array {
  const table = new Uint8Array(256);
  for (const [tags, kind] of Object.entries(kinds)) {
    for (const tag of tags) table[tag.charCodeAt(0)] = kind;
  }
  return table;
}

function malformed(reason: string): Error {
  return new Error(`it is not in V8's clone format: ${reason}`);
}
