/** The registered functions are plain exported functions. */

export function increment(x: number): number {
  return x + 1;
}

export function add(a: number, b: number): number {
  return a + b;
}
