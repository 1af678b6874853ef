import { labels } from "./labels.js";

/**
 * The language of the page around an element, for example `de-AT`; empty if the page does not say.
 *
 * @param {Element} element
 * @returns {string}
 */
export function pageLanguage(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") || "";
  return lang.trim().replace(/_/g, "-");
}

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
  return tag.toLowerCase().replace(/-.*/, "").replace(/^n[no]$/, "nb");
}
