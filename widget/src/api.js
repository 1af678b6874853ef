/** @typedef {import("./types.js").Outcome} Outcome */

const TIMEOUT_MS = 10_000;
/** @type {import("./types.js").FieldName[]} */
const FIELDS = ["email", "phone"];

/**
 * Asks for an alert.
 *
 * @param {string} api
 * @param {import("./types.js").SubscriptionRequest} subscription
 * @returns {Promise<Outcome>} Never rejects.
 */
export async function subscribe(api, subscription) {
  try {
    const answer = await request(`${api}/subscriptions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(subscription),
    });
    return readOutcome(answer.status, answer.body, answer.headers);
  } catch {
    return { reason: "unreachable" };
  }
}

/**
 * Says in the form's words what the server answered.
 *
 * @param {number} status
 * @param {any} body The JSON of the answer; null if it had none.
 * @param {Headers} headers
 * @returns {Outcome}
 */
export function readOutcome(status, body, headers) {
  if (status === 202 && body) {
    return { reason: null, confirmationRequired: !!body.confirmation_required, inStock: !!body.in_stock };
  }
  if (status === 422) {
    return { reason: "invalid", field: FIELDS.find((name) => body?.error?.fields?.[name]) };
  }
  if (status === 404) {
    return { reason: "unknown_variant" };
  }
  if (status === 429) {
    return { reason: "rate_limited", minutes: minutesUntil(headers.get("Retry-After")) };
  }
  return { reason: "failed" };
}

/**
 * @param {string | null} retryAfter Seconds or a date.
 * @returns {number | null} Whole minutes, at least 1; null if the server does not say.
 */
export function minutesUntil(retryAfter) {
  const seconds = Number(retryAfter) || (Date.parse(retryAfter || "") - Date.now()) / 1000;
  return seconds > 0 ? Math.ceil(seconds / 60) : null;
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<{ status: number, body: any, headers: Headers }>} The body is null if it is no JSON, as from a
 *   proxy's error page.
 */
export async function request(url, options) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, { credentials: "omit", signal: controller.signal, ...options });
    const text = await response.text();
    return { status: response.status, body: parse(text), headers: response.headers };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {string} text
 * @returns {any}
 */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
