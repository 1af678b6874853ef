import { labels } from "./labels.js";

/**
 * Picks a language that there are texts in: the page's, the shop's, then English. Regions make no difference.
 *
 * @param {(string | undefined)[]} wanted
 * @returns {string}
 */
export function pickLocale(...wanted) {
  return wanted.map(baseLanguage).find((locale) => labels[locale]) || "en";
}

/**
 * @param {string} [tag]
 * @returns {string} `de` for `de-AT`, `nb` for all that is Norwegian.
 */
function baseLanguage(tag = "") {
  return /** @type {string} */ (tag.toLowerCase().split(/[-_ ]/)[0]).replace(/^n[no]$/, "nb");
}
