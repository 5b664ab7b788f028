/** A tasks module: each function that it exports is a task, named by its export name. */

export function increment(x: number): number {
  return x + 1;
}

export function add(a: number, b: number): number {
  return a + b;
}
