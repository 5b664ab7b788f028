/** A part of the page that asks the server for something of its own, and again every so often. */

import { Component } from "./preact.js";

/**
 * @typedef {object} FetchedProps
 * @property {string} url
 * @property {number} everyMs
 * @property {(value: unknown, trouble: string | undefined) => import("./preact.js").ComponentChildren} draw `value` is `undefined` until the first answer
 */

/** @extends {Component<FetchedProps, { url: string, value: unknown, trouble: string | undefined }>} */
export class Fetched extends Component {
  /** @override */
  state = {
    url: "",
    value: /** @type {unknown} */ (undefined),
    trouble: /** @type {string | undefined} */ (undefined),
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #gone = false;

  /** @override */
  componentDidMount() {
    this.#ask();
  }

  /** @override */
  componentWillUnmount() {
    this.#gone = true;
    clearTimeout(this.#timer);
  }

  /** @override */
  render() {
    const { url, draw } = this.props;
    const { url: of, value, trouble } = this.state;
    // What was fetched for another page is not this one's.
    return draw(of === url ? value : undefined, trouble);
  }

  #ask() {
    const { url, everyMs } = this.props;
    fetch(url)
      .then(async (response) => {
        if (!response.ok) throw new Error((await response.text()).trim());
        const value = /** @type {unknown} */ (await response.json());
        if (!this.#gone) this.setState({ url, value, trouble: undefined });
      })
      .catch((/** @type {Error} */ error) => {
        if (!this.#gone) this.setState({ trouble: error.message });
      })
      .finally(() => {
        if (!this.#gone) this.#timer = setTimeout(() => this.#ask(), everyMs);
      });
  }
}
