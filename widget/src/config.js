/**
 * The shop's settings. In a file that the server has not filled in this is still the placeholder, a string.
 *
 * The server replaces the placeholder and its quotes by a JSON object, so it must stand in the built file exactly once;
 * the build checks that.
 */
export const config = /** @type {import("./types.js").Config} */ (asObject("__STOCKBELL_CONFIG__"));

/**
 * Keeps the placeholder from being copied to each place of use when the file is minified.
 *
 * @param {unknown} value
 */
function asObject(value) {
  return value;
}
