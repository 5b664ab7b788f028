/** A list of which only the first part is shown, until somebody asks for more. */

import { Component, h } from "./preact.js";
import { count } from "./format.js";

/** As in the style sheet: on a page as narrow as that, each row of a table is a card. */
const NARROW = "(max-width: 760px)";

/**
 * @typedef {object} MoreProps
 * @property {readonly unknown[]} list
 * @property {number} first how many are shown unasked
 * @property {number} firstNarrow the same on a narrow page, where each takes more of its length
 * @property {string} noun what they are, in the plural
 * @property {(shown: readonly unknown[]) => import("./preact.js").ComponentChildren} draw
 */

/**
 * Each click shows as many again as are shown; what was asked for stays while the list changes.
 *
 * @extends {Component<MoreProps, { shown: number }>}
 */
export class More extends Component {
  /** @override */
  state = { shown: matchMedia(NARROW).matches ? this.props.firstNarrow : this.props.first };

  /** @override */
  render() {
    const { list, noun, draw } = this.props;
    const { shown } = this.state;
    const next = Math.min(shown, list.length - shown);
    return h(
      "div",
      { class: "more" },
      draw(list.slice(0, shown)),
      next <= 0
        ? null
        : h(
            "button",
            { type: "button", class: "plain", onClick: () => this.setState({ shown: 2 * shown }) },
            `Show ${count(next)} more of ${count(list.length)} ${noun}`,
          ),
    );
  }
}
