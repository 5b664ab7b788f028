/** Stands for the library's own file, which the server puts beside the page's. */
export { Component, h, render } from "preact";
export type { ComponentChildren } from "preact";
