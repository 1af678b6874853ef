import { variantFromUrl } from "./selection.js";

/**
 * The address of a page without what may be private: no query but the variant, no fragment.
 *
 * @param {string} href
 * @returns {string}
 */
export function publicPageUrl(href) {
  const { origin, pathname } = new URL(href);
  const variant = variantFromUrl(href);
  return origin + pathname + (variant ? `?variant=${encodeURIComponent(variant)}` : "");
}
