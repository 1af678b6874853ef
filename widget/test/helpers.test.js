import assert from "node:assert/strict";
import { test } from "node:test";
import { minutesUntil, readOutcome } from "../src/api.js";
import * as de from "../src/locales/de.js";
import * as en from "../src/locales/en.js";
import { publicPageUrl } from "../src/page-url.js";
import { fill, inMinutes, pickTexts } from "../src/texts.js";

const NONE = new Headers();
const EMAIL_MISTAKE = { error: { fields: { email: ["No such host."] } } };

const OUTCOMES = [
  [202, { confirmation_required: true, in_stock: false }, { reason: null, confirmationRequired: true, inStock: false }],
  [202, null, { reason: "failed" }],
  [403, null, { reason: "failed" }],
  [404, {}, { reason: "unknown_variant" }],
  [422, EMAIL_MISTAKE, { reason: "invalid", emailError: "No such host." }],
  [422, { error: { fields: { locale: ["Bad."] } } }, { reason: "invalid", emailError: null }],
  [422, null, { reason: "invalid", emailError: null }],
  [429, null, { reason: "rate_limited", minutes: null }],
  [500, null, { reason: "failed" }],
];

for (const [status, body, outcome] of OUTCOMES) {
  test(`outcome of ${status} with ${JSON.stringify(body)}`, () => {
    assert.deepEqual(readOutcome(status, body, NONE, "en"), outcome);
  });
}

test("a sentence in a language that is not the page's is left out", () => {
  const german = new Headers({ "Content-Language": "de" });

  assert.equal(readOutcome(422, EMAIL_MISTAKE, NONE, "de").emailError, "");
  assert.equal(readOutcome(422, EMAIL_MISTAKE, german, "de").emailError, "No such host.");
});

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
  ["fr", "de-CH", "de"],
  ["fr", "it", "en"],
  ["", "de", "de"],
]) {
  test(`texts for "${language}" in a shop in "${shop}"`, () => {
    assert.equal(pickTexts({ en: {}, de: {} }, language, { locale: shop, texts: {} }).locale, locale);
  });
}

test("the shop's own wording wins in its language only", () => {
  const config = { locale: "en", texts: { de: { button: "Klingeln" } } };

  assert.equal(pickTexts({ en: en.button, de: de.button }, "de", config).texts.button, "Klingeln");
  assert.equal(pickTexts({ en: en.button, de: de.button }, "en", config).texts.button, en.button.button);
});

test("every language has every text, with the same places to fill", () => {
  const places = (texts) => Object.entries(texts).map(([name, text]) => [name, text.match(/\{\w+\}/g)]);

  assert.deepEqual(places(de.form), places(en.form));
  assert.deepEqual(places(de.button), places(en.button));
});

test("places are filled as text", () => {
  assert.equal(fill("To {email}.", { email: "$&<b>" }), "To $&<b>.");
});
