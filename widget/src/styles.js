/**
 * Makes a style sheet for shadow roots. A constructed sheet is no inline style, so a strict `style-src` allows it.
 *
 * @param {string} css
 * @returns {CSSStyleSheet}
 */
export function makeSheet(css) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}
