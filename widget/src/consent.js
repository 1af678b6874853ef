/**
 * Whether the shopper has agreed to be remembered for marketing, by the word of the shop's own consent tools.
 *
 * Nobody is asked here and nothing is assumed: where several tools speak, each must have a yes. A tool says yes (true),
 * no (false), or that there is no answer yet (null); one that is not there says nothing (undefined).
 *
 * @typedef {boolean | null | undefined} Word
 */

const page = /** @type {any} */ (window);

/**
 * As things stand now; it may change at any moment.
 *
 * @returns {boolean | null} Null while there is no answer: nothing is told then, and nothing forgotten either.
 */
export function consent() {
  const words = SOURCES.map(word).filter((found) => found !== undefined);
  if (words.includes(false)) {
    return false;
  }
  return words.length > 0 && words.every(Boolean) ? true : null;
}

/** Shopify hands its consent tool out on request only. */
export function requestShopifysWord() {
  page.Shopify?.loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], () => {});
}

/** @type {(() => Word)[]} */
const SOURCES = [fromPage, fromBrowser, fromShopify, fromWix, fromBigCommerce, fromConsentMode];

/**
 * @param {() => Word} source
 * @returns {Word}
 */
function word(source) {
  try {
    return source();
  } catch {
    // A tool that is half loaded or replaced has no answer.
    return null;
  }
}

/** `<html data-stockbell-consent="granted">`, for shops with a tool that is not known here. */
function fromPage() {
  const said = document.documentElement.getAttribute("data-stockbell-consent");
  return said === null ? undefined : said === "granted";
}

/** Global Privacy Control can only say no. */
function fromBrowser() {
  return /** @type {any} */ (navigator).globalPrivacyControl ? false : undefined;
}

/** https://shopify.dev/docs/api/customer-privacy */
function fromShopify() {
  const tool = page.Shopify?.customerPrivacy;
  return tool ? !!tool.marketingAllowed() : page.Shopify?.loadFeatures && null;
}

/** https://dev.wix.com/docs/build-apps/other/legal-and-security/about-the-consent-policy */
function fromWix() {
  return page.consentPolicyManager?.getCurrentConsentPolicy().policy.advertising;
}

/** The cookie that BigCommerce's own banner writes; 4 is the category "targeting". */
function fromBigCommerce() {
  const cookie = /(?:^|; )bc_consent=([^;]*)/.exec(document.cookie);
  return cookie ? JSON.parse(decodeURIComponent(cookie[1] || "")).allow.includes(4) : undefined;
}

/**
 * Google's consent mode, in which most other tools report. A `default` is what holds before the shopper has answered: it
 * is a yes only where nothing is denied, in no region either, as nobody here knows where the shopper is. An `update`
 * is the shopper's answer.
 *
 * https://developers.google.com/tag-platform/security/guides/consent
 *
 * @returns {Word}
 */
function fromConsentMode() {
  const commands = [...(page.dataLayer || [])].filter((entry) => entry?.[0] === "consent");
  const defaults = commands.filter(([, when]) => when === "default");
  const updates = commands.filter(([, when]) => when === "update");
  const everywhere = defaults.filter(([, , values]) => !values.region);
  if (updates.length) {
    return isGranted([...everywhere, ...updates]);
  }
  const words = [isGranted(everywhere), ...defaults.map((each) => isGranted([each]))].filter((each) => each !== undefined);
  return words.length ? words.every(Boolean) || null : undefined;
}

/**
 * @param {any[]} commands In their order: what a later one says of a kind holds.
 * @returns {boolean | undefined} Undefined if they do not speak of marketing.
 */
function isGranted(commands) {
  const { ad_storage: storage, ad_user_data: data } = Object.assign({}, ...commands.map(([, , values]) => values));
  const said = [storage, data].filter(Boolean);
  return said.length ? said.every((each) => each === "granted") : undefined;
}
