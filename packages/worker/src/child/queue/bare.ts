/** An object without a prototype, in which only its own keys are found, whatever tasks do to `Object.prototype`. */
export function bare<V>(): Record<string | number, V> {
  return Object.create(null) as Record<string | number, V>;
}
