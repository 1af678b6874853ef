/**
 * Stockbell in a Catalyst storefront, without React: for use in an effect, or on any other headless storefront.
 * Put in the address of your Stockbell and the public key of your shop.
 */

const HOST = "https://HOST";
const PUBLIC_KEY = "PUBLIC_KEY";

/**
 * @typedef {object} Selection What the GraphQL Storefront API calls `product.variants.edges[0].node`, asked with the
 *   chosen `optionValueIds`.
 * @property {number | null} variantId `entityId` of the variant; null until all options are chosen.
 * @property {boolean} isInStock `inventory.isInStock`
 * @property {number} productId `entityId` of the product.
 * @property {string} [productTitle]
 * @property {string} [variantTitle]
 */

/**
 * @param {Selection} selection
 * @returns {Record<string, string>} The element's attributes that have a value.
 */
function attributesOf({ productId, productTitle, variantTitle }) {
  /** @type {Record<string, string>} */
  const attributes = { "product-id": String(productId) };
  if (productTitle) {
    attributes["product-title"] = productTitle;
  }
  if (variantTitle) {
    attributes["variant-title"] = variantTitle;
  }
  return attributes;
}

/**
 * Shows the button while the selection is sold out. Call it again whenever the selection changes.
 *
 * @param {Element} spot An element that holds nothing else, such as a `<div>` after the add-to-cart button.
 * @param {Selection} selection
 * @returns {() => void} Takes the button away, for the clean-up of an effect.
 */
export function showNotify(spot, selection) {
  const element = spot.querySelector("stockbell-notify") || document.createElement("stockbell-notify");
  const { variantId, isInStock } = selection;
  for (const name of ["product-title", "variant-title", "variant-id"]) {
    element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attributesOf(selection))) {
    element.setAttribute(name, value);
  }
  if (variantId) {
    element.setAttribute("variant-id", String(variantId));
  }
  element.setAttribute("available", String(isInStock || !variantId));
  // Moving it would close an open form.
  if (!element.isConnected) {
    spot.append(element);
  }
  return () => element.remove();
}

/**
 * Opens the form for a selection, from a button of your own. Goes to the hosted form if the widget has not come.
 *
 * @param {Selection & { variantId: number }} selection
 */
export function openNotify(selection) {
  const variantId = String(selection.variantId);
  const { stockbell } = /** @type {any} */ (window);
  if (stockbell) {
    stockbell.open(variantId, attributesOf(selection));
  } else {
    location.assign(`${HOST}/n/${PUBLIC_KEY}/${variantId}`);
  }
}
