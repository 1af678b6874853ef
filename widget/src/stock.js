import { api } from "./config.js";

/** The variant that the page was about when it came: what its data say without naming a variant is about this one. */
let first = "";

/** @type {Record<string, Promise<boolean | null> | null>} The server's, by variant. */
const answers = { __proto__: null };

/**
 * Whether a variant can be bought: as the page's own data say, else the server, which is asked once per variant.
 *
 * @param {string} variantId
 * @returns {Promise<boolean | null>} Null if nobody knows. Never rejects.
 */
export async function findStock(variantId) {
  return stockOnPage(variantId) ?? (answers[variantId] ||= ask(variantId));
}

/**
 * @param {string} variantId
 * @returns {Promise<boolean | null>}
 */
async function ask(variantId) {
  try {
    // Another origin's, so no cookie goes with it.
    const response = await fetch(`${api}/variants/${encodeURIComponent(variantId)}`);
    if (response.ok) {
      return (await response.json()).available;
    }
  } catch {
    // No answer is like a bad one.
  }
  // Not kept: who comes back to this variant asks again.
  delete answers[variantId];
  return null;
}

/** Stands where a page's data name the variant. */
const NAMED = "§§";

/**
 * What the page's own data say: schema.org's `availability` in JSON-LD.
 *
 * @param {string} variantId
 * @returns {boolean | null} Null if they do not say, or do not speak of this variant.
 */
function stockOnPage(variantId) {
  first ||= variantId;
  /** @type {string[]} */
  const words = [];
  let word = "";
  for (const { textContent } of document.querySelectorAll("script[type='application/ld+json']")) {
    try {
      // From the inside out: the first part that names the variant is the smallest.
      JSON.parse(/** @type {string} */ (textContent), (key, part) => {
        if (key === "availability") {
          words.push(part);
        }
        const { availability, offers } = part || {};
        if (availability || offers) {
          // Its own, and not that of what it is related to.
          const json = JSON.stringify({ availability, offers });
          if (/"availability":/.test(json) && JSON.stringify(part).includes(NAMED)) {
            word ||= json;
          }
        }
        // Whole, or in an address; a price, or a width, may be the same number.
        return /(\b|_)id$|I[dD]$|sku|url/.test(key) && `${part}`.split(/[/=&#]/).includes(variantId) ? NAMED : part;
      });
    } catch {
      // Not ours to mend.
    }
  }
  word ||= words[1] || variantId !== first ? "" : words[0] || "";
  return word ? !/OutOfStock|SoldOut/.test(word) : null;
}
