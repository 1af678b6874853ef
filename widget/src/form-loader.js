import { api, files, settings } from "./config.js";

/** @typedef {typeof import("./form.js")} FormModule */

/** @type {Promise<FormModule> | null} */
let loading = null;
let tries = 0;

/**
 * Fetches the form's code, once for all elements of the page.
 *
 * @returns {Promise<{ createForm: (part: import("./types.js").FormPart) => Promise<import("./types.js").Form> }>}
 *   Rejects if the code does not come; the next call tries anew.
 */
export async function loadForm() {
  // Some browsers remember a failed import for the life of the page; another fragment makes it another module.
  loading = loading || import(`${files}form.js${tries++ ? `#${tries}` : ""}`);
  try {
    const { createForm } = await loading;
    return { createForm: (part) => createForm({ ...part, api, settings }) };
  } catch (error) {
    loading = null;
    throw error;
  }
}
