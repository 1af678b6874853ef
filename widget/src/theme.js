import { nearest } from "./selection.js";

/**
 * The theme's own buttons around an element.
 *
 * @param {Element} element
 * @returns {HTMLElement[]}
 */
export function themeButtons(element) {
  const selector = element.getAttribute("replaces") || "form [type=submit],form button:not([type])";
  return /** @type {HTMLElement[]} */ (nearest(element, selector));
}
