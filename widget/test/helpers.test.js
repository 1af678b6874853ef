import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.STOCKBELL_LABELS = { en: "Notify me", de: "Benachrichtigen", nb: "Gi beskjed" };
const { minutesUntil, readOutcome } = await import("../src/api.js");
const { pickLocale } = await import("../src/languages.js");
const { publicPageUrl } = await import("../src/page-url.js");
const { fill, inMinutes } = await import("../src/texts.js");

const NONE = new Headers();
const EMAIL_MISTAKE = { error: { fields: { email: ["No such host."] } } };

const OUTCOMES = [
  [202, { confirmation_required: true, in_stock: false }, { reason: null, confirmationRequired: true, inStock: false }],
  [202, null, { reason: "failed" }],
  [403, null, { reason: "failed" }],
  [404, {}, { reason: "unknown_variant" }],
  [422, EMAIL_MISTAKE, { reason: "invalid", field: "email" }],
  [422, { error: { fields: { phone: ["Bad."] } } }, { reason: "invalid", field: "phone" }],
  [422, { error: { fields: { locale: ["Bad."] } } }, { reason: "invalid", field: undefined }],
  [422, null, { reason: "invalid", field: undefined }],
  [429, null, { reason: "rate_limited", minutes: null }],
  [500, null, { reason: "failed" }],
];

for (const [status, body, outcome] of OUTCOMES) {
  test(`outcome of ${status} with ${JSON.stringify(body)}`, () => {
    assert.deepEqual(readOutcome(status, body, NONE), outcome);
  });
}

test("minutes are whole, at least one, from seconds or a date", () => {
  assert.equal(minutesUntil("1"), 1);
  assert.equal(minutesUntil("61"), 2);
  assert.equal(minutesUntil(new Date(Date.now() + 150_000).toUTCString()), 3);
  assert.equal(minutesUntil("soon"), null);
  assert.equal(minutesUntil("-5"), null);
  assert.equal(minutesUntil(null), null);
});

test("minutes are said in the language, one as one", () => {
  assert.equal(inMinutes(1, "en"), "in 1 minute");
  assert.equal(inMinutes(4, "de"), "in 4 Minuten");
  assert.equal(inMinutes(null, "en"), "");
});

test("a page's address loses everything that may be private", () => {
  assert.equal(publicPageUrl("https://u:p@shop.example/a?email=x&variant=7#y"), "https://shop.example/a?variant=7");
  assert.equal(publicPageUrl("https://shop.example/a?variant="), "https://shop.example/a");
  assert.equal(publicPageUrl("https://shop.example/a?variant=a%26b"), "https://shop.example/a?variant=a%26b");
});

for (const [language, shop, locale] of [
  ["de-AT", "en", "de"],
  ["DE", "en", "de"],
  ["no", "en", "nb"],
  ["nn-NO", "en", "nb"],
  ["xx", "de-CH", "de"],
  ["xx", "yy", "en"],
  ["", undefined, "en"],
]) {
  test(`texts for "${language}" in a shop in "${shop}"`, () => {
    assert.equal(pickLocale(language, shop), locale);
  });
}

test("places are filled as text", () => {
  assert.equal(fill("To {email}.", { email: "$&<b>" }), "To $&<b>.");
});
