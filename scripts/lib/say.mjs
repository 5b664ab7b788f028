/** Says what is being fetched, on stderr, so that stdout has only the example's output. @param {string} line */
export function say(line) {
  console.error(`poolmq: ${line}`);
}
