import { subscribe } from "./api.js";
import { emit } from "./events.js";
import css from "./form.css";
import { createView, keepTabInside, setWarning } from "./form-view.js";
import { form as de } from "./locales/de.js";
import { form as en } from "./locales/en.js";
import { publicPageUrl } from "./page-url.js";
import { addStyles } from "./styles.js";
import { fill, inMinutes, pageLanguage, pickTexts } from "./texts.js";

/**
 * @typedef {import("./types.js").Outcome} Outcome
 * @typedef {import("./types.js").Widget} Widget
 * @typedef {import("./types.js").Wish} Wish
 * @typedef {"idle" | "sending" | "done" | "in_stock"} State
 */

/**
 * Builds the dialog of one element. It is made once and keeps the address that was typed.
 *
 * @param {Widget} widget
 * @returns {{ open: (variantId: string) => void, isOpen: () => boolean }}
 */
export function createForm(widget) {
  const form = new NotifyForm(widget);
  return { open: (variantId) => form._open(variantId), isOpen: () => form._view.dialog.open };
}

class NotifyForm {
  /** @param {Widget} widget */
  constructor(widget) {
    const { config, container, element, root } = widget;
    this._language = pageLanguage(element) || config.locale;
    const { locale, texts } = pickTexts({ en, de }, this._language, config);
    this._widget = widget;
    this._locale = locale;
    this._texts = texts;
    this._view = createView(texts, config.marketing);
    /** @type {State} */
    this._state = "idle";
    /** @type {Wish | null} */
    this._wish = null;
    addStyles(root, css);
    this._listen();
    container.append(this._view.dialog);
  }

  _listen() {
    const { dialog, form, close, email, submit } = this._view;
    dialog.onkeydown = (event) => {
      // A theme's shortcuts cannot see that somebody is typing in here.
      event.stopPropagation();
      keepTabInside(event, dialog, this._widget.root);
    };
    dialog.onclose = () => this._widget.onClose();
    close.onclick = () => dialog.close();
    email.oninput = () => this._setEmailError("");
    // The second click of a double click would close the answer before anybody has read it.
    submit.onclick = (event) => event.detail < 2;
    form.onsubmit = (event) => {
      event.preventDefault();
      this._act();
    };
  }

  /** @param {string} variantId */
  _open(variantId) {
    const { dialog, item, email } = this._view;
    const { element } = this._widget;
    if (this._state !== "sending" || variantId !== this._wish?.variantId) {
      this._wish = { variantId, productId: element.getAttribute("product-id") };
      this._reset();
    }
    const titles = ["product-title", "variant-title"].map((name) => element.getAttribute(name));
    item.textContent = titles.filter(Boolean).join(" · ");
    email.value = email.value || element.getAttribute("customer-email") || "";
    // Gives the focus to the address: it is the first in the dialog.
    dialog.showModal();
    emit(element, "opened", { ...this._wish });
  }

  _reset() {
    this._view.marketing.checked = false;
    this._setEmailError("");
    this._setState("idle");
  }

  /** What the main button does, by state. */
  _act() {
    if (this._state === "idle") {
      void this._send();
    } else if (this._state === "done") {
      this._view.dialog.close();
    } else if (this._state === "in_stock") {
      location.reload();
    }
  }

  async _send() {
    const wish = this._wish;
    const mistake = this._findMistake();
    this._setEmailError(mistake);
    if (wish && !mistake) {
      this._setState("sending");
      const outcome = await subscribe(this._widget.config.api, this._request(wish), this._locale);
      this._report(outcome, wish);
      // Another variant may have been opened meanwhile; its form is not this answer's.
      if (wish === this._wish) {
        this._show(outcome);
      }
    }
  }

  /** @returns {string} What is wrong with the address, in words; empty if nothing is. */
  _findMistake() {
    const { email } = this._view;
    email.value = email.value.trim();
    if (!email.value) {
      return this._texts.emailMissing;
    }
    // The browser takes "name@host" for an address; in a shop it is a slip.
    return email.validity.valid && /@.+\../.test(email.value) ? "" : this._texts.emailInvalid;
  }

  /**
   * @param {Wish} wish
   * @returns {import("./types.js").SubscriptionRequest}
   */
  _request(wish) {
    const { email, marketing, trap } = this._view;
    return {
      variant_id: wish.variantId,
      ...(wish.productId && { product_id: wish.productId }),
      email: email.value,
      locale: this._language,
      marketing_consent: marketing.checked,
      page_url: publicPageUrl(location.href),
      ...(trap.value && { website: trap.value }),
    };
  }

  /**
   * @param {Outcome} outcome
   * @param {Wish} wish
   */
  _report(outcome, wish) {
    const { element } = this._widget;
    if (outcome.reason) {
      emit(element, "error", { ...wish, reason: outcome.reason });
    } else {
      const { confirmationRequired, inStock } = outcome;
      emit(element, "subscribed", { ...wish, confirmationRequired, inStock });
    }
  }

  /** @param {Outcome} outcome */
  _show(outcome) {
    const texts = this._texts;
    if (outcome.reason) {
      this._setState("idle");
      this._showError(outcome);
    } else if (outcome.inStock) {
      this._setState("in_stock", texts.inStockTitle, texts.inStock);
    } else if (outcome.confirmationRequired) {
      this._setState("done", texts.confirmTitle, texts.confirm);
    } else {
      this._setState("done", texts.acceptedTitle, texts.accepted);
    }
  }

  /** @param {Exclude<Outcome, { reason: null }>} outcome */
  _showError(outcome) {
    if (outcome.reason === "invalid" && outcome.emailError !== null) {
      this._setEmailError(outcome.emailError || this._texts.emailInvalid);
    } else {
      setWarning(this._view.alert, this._explain(outcome));
    }
  }

  /**
   * @param {Exclude<Outcome, { reason: null }>} outcome
   * @returns {string}
   */
  _explain(outcome) {
    const texts = this._texts;
    switch (outcome.reason) {
      case "unknown_variant":
        return texts.unknownVariant;
      case "rate_limited":
        return fill(texts.tooMany, { when: inMinutes(outcome.minutes, this._locale) || texts.later });
      case "unreachable":
        return texts.unreachable;
      default:
        return texts.failed;
    }
  }

  /**
   * @param {State} state
   * @param {string} [title]
   * @param {string} [sentence] The answer, announced as it appears.
   */
  _setState(state, title = this._texts.title, sentence = "") {
    const { dialog, title: heading, email, status, submit, submitLabel, alert } = this._view;
    const { submit: idle, sending, close: done, reload } = this._texts;
    const hadFocus = this._widget.root.activeElement;
    this._state = state;
    dialog.className = state;
    heading.textContent = title;
    status.textContent = fill(sentence, { email: email.value });
    submitLabel.textContent = { idle, sending, done, in_stock: reload }[state];
    // Busy, not disabled: a disabled button would drop the focus.
    submit.setAttribute("aria-disabled", String(state === "sending"));
    setWarning(alert, "");
    if (sentence && hadFocus) {
      // The field that had the focus may be gone with the answer; the main button is still there.
      submit.focus();
    }
  }

  /** @param {string} sentence */
  _setEmailError(sentence) {
    const { email, emailError } = this._view;
    setWarning(emailError, sentence);
    email.setAttribute("aria-invalid", String(!!sentence));
    if (sentence) {
      email.focus();
    }
  }
}
