import { api } from "./config.js";

/** The variant that the page was about when it came: what its data say without naming a variant is about this one. */
let first = "";

/** @type {Map<string, Promise<boolean | null>>} */
const answers = new Map();

/**
 * Whether a variant can be bought: as the page's own data say, else the server, which is asked once per variant.
 *
 * @param {string} variantId
 * @returns {Promise<boolean | null>} Null if nobody knows. Never rejects.
 */
export async function findStock(variantId) {
  const said = stockOnPage(variantId);
  if (said === null && !answers.has(variantId)) {
    answers.set(variantId, ask(variantId));
  }
  return said ?? /** @type {Promise<boolean | null>} */ (answers.get(variantId));
}

/**
 * @param {string} variantId
 * @returns {Promise<boolean | null>}
 */
async function ask(variantId) {
  try {
    const response = await fetch(`${api}/variants/${encodeURIComponent(variantId)}`, { credentials: "omit" });
    return response.ok ? (await response.json()).available : null;
  } catch {
    // Not kept: the next look at this variant asks again.
    answers.delete(variantId);
    return null;
  }
}

/**
 * What the page's own data say: schema.org's `availability` in JSON-LD.
 *
 * @param {string} variantId
 * @returns {boolean | null} Null if they do not say, or do not speak of this variant.
 */
function stockOnPage(variantId) {
  first = first || variantId;
  /** @type {string[]} */
  const words = [];
  let word = "";
  for (const { textContent } of document.querySelectorAll("script[type='application/ld+json']")) {
    try {
      const named = new RegExp(`\\b${variantId}\\b`);
      // From the inside out: the first part that names the variant is the smallest.
      JSON.parse(textContent || "", (key, part) => {
        const json = JSON.stringify(part);
        if (key === "availability") {
          words.push(json);
        } else if (/"availability":/.test(json) && named.test(json)) {
          word = word || json;
        }
        return part;
      });
    } catch {
      // Not ours to mend.
    }
  }
  word = word || (words[1] || variantId !== first ? "" : words[0] || "");
  return word ? !/OutOfStock|SoldOut/.test(word) : null;
}
