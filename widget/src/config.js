/**
 * The shop's settings, and the addresses that follow from them.
 *
 * `/s/KEY.js` is this file with the placeholder and its quotes replaced by a JSON object, so the placeholder must stand
 * in the built file exactly once; the build checks that. In a pinned file it is still there: then the script tag says
 * which shop it is (`data-key`) and where Stockbell is (`data-host`; `data-api` where its API has an address on the page's
 * own origin), and the rest is fetched with the form.
 */

/** @typedef {import("./types.js").Settings} Settings */

const filled = asObject("__STOCKBELL_SETTINGS__");

/** @type {Settings} */
export const settings = filled.key ? filled : { ...ownTag()?.dataset, pinned: true };

export const api = `${settings.api || settings.host}/api/v1/storefront/${settings.key}`;

/** Folder of this build's files. */
export const files = `${settings.host}/widget/__STOCKBELL_VERSION__/`;

/** This file's tag; content of the page that is named like it, as in `<img name="currentScript">`, is none. */
function ownTag() {
  const { currentScript } = document;
  return currentScript instanceof HTMLScriptElement ? currentScript : null;
}

/**
 * The form as a page of its own.
 *
 * @param {string} variantId
 */
export function hostedForm(variantId) {
  return `${settings.host}/n/${settings.key}/${encodeURIComponent(variantId)}`;
}

/**
 * Keeps the placeholder from being copied to each place of use when the file is minified.
 *
 * @param {unknown} value
 * @returns {any}
 */
function asObject(value) {
  return value;
}
