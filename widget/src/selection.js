/**
 * Which variant the page itself has selected, for elements without `variant-id`.
 *
 * This module is the only one that knows about themes: whatever else a theme may do to select a variant is added here.
 */

const VARIANT_FIELD = "select[name=id],input[name=id]:not([type=radio]),input[name=id]:checked";

/**
 * The variant selected around an element: by the nearest product form, else by the page's address.
 *
 * @param {Element} element
 * @returns {string | null}
 */
export function selectedVariant(element) {
  const field = nearestVariantField(element);
  return field?.value || variantFromUrl(location.href);
}

/**
 * Calls back whenever the page may have selected another variant.
 *
 * @param {Element} element
 * @param {() => void} callback
 * @returns {() => void} Stops the watching.
 */
export function watchSelection(element, callback) {
  // Themes write the hidden field or the address in their own listener of the same event: read after them.
  const later = () => setTimeout(callback);
  // A hidden field that a script writes sends no event, but its attribute changes.
  const observer = new MutationObserver(callback);
  const form = nearestVariantField(element)?.form;
  if (form) {
    observer.observe(form, { subtree: true, childList: true, attributes: true, attributeFilter: ["value", "name"] });
  }
  document.addEventListener("change", later);
  addEventListener("popstate", later);
  return () => {
    observer.disconnect();
    document.removeEventListener("change", later);
    removeEventListener("popstate", later);
  };
}

/**
 * @param {string} href
 * @returns {string | null} The value of `?variant=`.
 */
export function variantFromUrl(href) {
  return new URL(href).searchParams.get("variant") || null;
}

/**
 * @param {Element} element
 * @returns {HTMLInputElement | HTMLSelectElement | null}
 */
function nearestVariantField(element) {
  for (let part = element.parentElement; part; part = part.parentElement) {
    const field = part.querySelector(VARIANT_FIELD);
    if (field) {
      return /** @type {HTMLInputElement | HTMLSelectElement} */ (field);
    }
  }
  return null;
}
