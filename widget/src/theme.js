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

/**
 * Hides the theme's buttons, so that they can come back as they were.
 *
 * @param {HTMLElement[]} buttons
 * @returns {() => void} Brings them back.
 */
export function hide(buttons) {
  const before = buttons.map(({ style }) => {
    const { display } = style;
    style.setProperty("display", "none", "important");
    return () => (style.display = display);
  });
  return () => before.forEach((bringBack) => bringBack());
}
