/** @typedef {typeof import("./form.js")} FormModule */

/** @type {Promise<FormModule> | null} */
let loading = null;
let tries = 0;

/**
 * Fetches the form's code, once for all elements of the page.
 *
 * @param {string} url
 * @returns {Promise<FormModule>} Rejects if the code does not come; the next call tries anew.
 */
export async function loadForm(url) {
  // Some browsers remember a failed import for the life of the page; another fragment makes it another module.
  loading = loading || import(tries++ ? `${url}#${tries}` : url);
  try {
    return await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}
