import { h } from "./dom.js";

/**
 * Adds a style sheet to a shadow root. A constructed sheet is no inline style, so a strict `style-src` allows it.
 *
 * @param {ShadowRoot} root
 * @param {string} css
 */
export function addStyles(root, css) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } catch {
    // Safari before 16.4 cannot construct sheets.
    root.append(h("style", {}, css));
  }
}
