/**
 * Whether the shopper has agreed to be remembered for marketing, by the word of the shop's own consent tools.
 *
 * Nobody is asked here and nothing is assumed: where no tool speaks the answer is no, and where several do, each must
 * have a yes.
 */

const page = /** @type {any} */ (window);

/** @returns {boolean} As things stand now; it may change at any moment. */
export function isTrackingAllowed() {
  const words = SOURCES.map(word).filter((found) => found !== null);
  return words.length > 0 && words.every(Boolean);
}

/** Shopify hands its consent tool out on request only. */
export function requestShopifysWord() {
  page.Shopify?.loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], () => {});
}

/** @type {(() => boolean | null | undefined)[]} Each says yes, no, or nothing. */
const SOURCES = [fromPage, fromBrowser, fromShopify, fromWix, fromBigCommerce, fromConsentMode];

/** @param {() => boolean | null | undefined} source */
function word(source) {
  try {
    return source() ?? null;
  } catch {
    // A tool that is half loaded or replaced says nothing.
    return null;
  }
}

/** `<html data-stockbell-consent="granted">`, for shops with a tool that is not known here. */
function fromPage() {
  const said = document.documentElement.getAttribute("data-stockbell-consent");
  return said === null ? null : said === "granted";
}

/** Global Privacy Control can only say no. */
function fromBrowser() {
  return /** @type {any} */ (navigator).globalPrivacyControl ? false : null;
}

/** https://shopify.dev/docs/api/customer-privacy */
function fromShopify() {
  // On a Shopify page whose tool has not come yet the answer is no.
  return page.Shopify?.loadFeatures ? !!page.Shopify.customerPrivacy?.marketingAllowed() : null;
}

/** https://dev.wix.com/docs/build-apps/other/legal-and-security/about-the-consent-policy */
function fromWix() {
  return page.consentPolicyManager?.getCurrentConsentPolicy()?.policy.advertising;
}

/** The cookie that BigCommerce's own banner writes; 4 is the category "targeting". */
function fromBigCommerce() {
  const cookie = /(?:^|; )bc_consent=([^;]*)/.exec(document.cookie);
  return cookie ? JSON.parse(decodeURIComponent(cookie[1] || "")).allow.includes(4) : null;
}

/** Google's consent mode, in which most other tools report: https://developers.google.com/tag-platform/security/guides/consent */
function fromConsentMode() {
  /** @type {Record<string, string>} */
  const state = {};
  for (const entry of page.dataLayer || []) {
    if (entry?.[0] === "consent") {
      Object.assign(state, entry[2]);
    }
  }
  const said = [state.ad_storage, state.ad_user_data].filter(Boolean);
  return said.length ? said.every((each) => each === "granted") : null;
}
