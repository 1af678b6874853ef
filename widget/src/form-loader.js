import { files } from "./config.js";

/** @type {Promise<typeof import("./form.js")> | null} */
let loading = null;
let tries = 0;

/**
 * Fetches the form's code, once for all elements of the page.
 *
 * @returns {Promise<typeof import("./form.js")>} Rejects if the code does not come; the next call tries anew.
 */
export async function loadForm() {
  // Some browsers remember a failed import for the life of the page; another fragment makes it another module.
  loading ||= import(`${files}form.js#${tries++}`);
  try {
    return await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}
