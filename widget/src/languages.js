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
export function baseLanguage(tag = "") {
  return tag.toLowerCase().replace(/[-_ ].*/, "").replace(/^n[no]$/, "nb");
}
