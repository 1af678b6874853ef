/**
 * Which variant the page itself has selected, for elements without `variant-id`.
 *
 * This module is the only one that knows about themes: whatever else a theme may do to select a variant is added here.
 */

export const VARIANT_FIELD = ":is([name=id],[name=variation_id],[name=variant_id])";

/**
 * The variant selected around an element: by the field that the page names, else the nearest product form, else the
 * address.
 *
 * @param {Element} element
 * @returns {string | null}
 */
export function selectedVariant(element) {
  const fields = nearest(element, element.getAttribute("variant-field") || VARIANT_FIELD);
  return chosenAmong(fields) || variantFromUrl(location.href);
}

/**
 * @param {Element[]} fields
 * @returns {string | false | undefined} The variant that they say is chosen; nothing if none is.
 */
export function chosenAmong(fields) {
  const value = /** @type {HTMLInputElement[]} */ (fields).find(({ type, checked }) => type !== "radio" || checked)?.value;
  // WooCommerce writes 0 while nothing is chosen.
  return value !== "0" && value;
}

/**
 * @param {string} href
 * @returns {string | null} The value of `?variant=`.
 */
export function variantFromUrl(href) {
  return new URL(href).searchParams.get("variant");
}

/**
 * What a selector finds in the smallest part of the page around an element that holds any of it.
 *
 * @param {Element} element
 * @param {string} selector
 * @returns {Element[]}
 */
export function nearest(element, selector) {
  /** @type {any} */
  let part = element;
  // Out of a shadow root, the way leads on through its host.
  while ((part = part.parentNode || part.host)) {
    const found = part.querySelectorAll(selector);
    if (found[0]) {
      return [...found];
    }
  }
  return [];
}
