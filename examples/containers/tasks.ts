/** The tasks of docker/compose.yaml, which docker/worker.Dockerfile copies into the image of the example. */

import { hostname } from "node:os";

/** Counts the prime numbers from `from` up to `to`, slowly; says which container did it. */
export function countPrimes(from: number, to: number): { readonly primes: number; readonly host: string } {
  let primes = 0;
  for (let n = Math.max(2, from); n < to; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n && isPrime; d++) isPrime = n % d !== 0;
    if (isPrime) primes++;
  }
  return { primes, host: hostname() };
}
