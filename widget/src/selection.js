/**
 * Which variant the page itself has selected, for elements without `variant-id`.
 *
 * This module is the only one that knows about themes: whatever else a theme may do to select a variant is added here.
 */

const VARIANT_FIELD =
  ":is(select,input):is([name=id],[name=variation_id],[name=variant_id]):not([type=radio]:not(:checked))";

/**
 * The variant selected around an element: as the page says, else by the nearest product form, else by the address.
 *
 * @param {Element} element
 * @returns {string | null}
 */
export function selectedVariant(element) {
  const field = nearest(element, element.getAttribute("variant-field") || VARIANT_FIELD)?.[0];
  const { value } = /** @type {Partial<HTMLInputElement>} */ (field || {});
  // WooCommerce writes 0 while nothing is chosen.
  return (value !== "0" && value) || variantFromUrl(location.href);
}

/**
 * @param {string} href
 * @returns {string | null} The value of `?variant=`.
 */
export function variantFromUrl(href) {
  return new URL(href).searchParams.get("variant") || null;
}

/**
 * What a selector finds in the smallest part of the page around an element that holds any of it.
 *
 * @param {Element} element
 * @param {string} selector
 * @returns {NodeListOf<Element> | null}
 */
export function nearest(element, selector) {
  /** @type {any} */
  let part = element;
  // Out of a shadow root, the way leads on through its host.
  while ((part = part.parentNode || part.host)) {
    const found = part.querySelectorAll(selector);
    if (found.length) {
      return found;
    }
  }
  return null;
}
