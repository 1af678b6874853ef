/** @type {Map<string, Promise<boolean | null>>} */
const answers = new Map();

/**
 * Asks the server once per variant whether it can be bought.
 *
 * @param {string} api
 * @param {string} variantId
 * @returns {Promise<boolean | null>} Null if the server cannot be asked or does not know the variant. Never rejects.
 */
export function readAvailability(api, variantId) {
  const answer = answers.get(variantId) || ask(api, variantId);
  answers.set(variantId, answer);
  return answer;
}

/**
 * @param {string} api
 * @param {string} variantId
 * @returns {Promise<boolean | null>}
 */
async function ask(api, variantId) {
  try {
    const response = await fetch(`${api}/variants/${encodeURIComponent(variantId)}`, { credentials: "omit" });
    return response.ok ? (await response.json()).available : null;
  } catch {
    // Not kept: the next look at this variant asks again.
    answers.delete(variantId);
    return null;
  }
}
