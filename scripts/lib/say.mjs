/** Tells what is being brought. On stderr, so that the output of the example stays its own. @param {string} line */
export function say(line) {
  console.error(`poolmq: ${line}`);
}
