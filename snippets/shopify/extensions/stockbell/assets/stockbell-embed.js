/**
 * Puts `<stockbell-notify>` beside the buy button of each product form on the page, for themes without app blocks, and
 * for collection pages and quick views. The elements are templates that `blocks/embed.liquid` has rendered.
 *
 * It looks again whenever something on the page was added, taken away or disabled: themes replace whole sections when
 * the shopper picks another variant, and put forms on the page when a quick view opens.
 *
 * Rules, as for the widget: never throws into the page, nothing written to the console, no global.
 */
(() => {
  "use strict";

  const TAG = "stockbell-notify";
  const DEFAULT_FORMS = 'form[action*="/cart/add"]';
  const REGION = ".shopify-section, dialog, [role=dialog]";
  // Long enough for a theme to finish what it is doing, short enough for nobody to see it.
  const PAUSE_MS = 50;

  /**
   * @typedef {object} Kind What is put at the forms of the page's product, or at all others.
   * @property {string | null} productId Null: not a certain product.
   * @property {string[]} variantIds
   * @property {Element | null} element Null: these forms get no button.
   */

  /** @type {Map<HTMLFormElement, { kind: Kind, element: Element, available: string | null }>} */
  const placed = new Map();
  let isScheduled = false;

  const holder = document.getElementById("stockbell-embed");
  if (holder && !holder.hasAttribute("data-started")) {
    holder.setAttribute("data-started", "");
    attempt(() => start(holder));
  }

  /** @param {HTMLElement} holder */
  function start(holder) {
    const kinds = [...holder.querySelectorAll("template")].map(toKind);
    const { forms, placement } = holder.dataset;
    const scan = () => lookAround(forms || DEFAULT_FORMS, kinds, placement === "replace");
    const schedule = () => {
      if (!isScheduled) {
        isScheduled = true;
        setTimeout(() => {
          isScheduled = false;
          attempt(scan);
        }, PAUSE_MS);
      }
    };

    attempt(scan);
    new MutationObserver(schedule).observe(document, {
      subtree: true,
      childList: true,
      attributes: true,
      attributeFilter: ["disabled", "aria-disabled"],
    });
    // A form may be given another product without any of that; and the theme editor says when it has redrawn.
    document.addEventListener("change", schedule);
    document.addEventListener("shopify:section:load", schedule);
  }

  /**
   * @param {HTMLTemplateElement} template
   * @returns {Kind}
   */
  function toKind({ content, dataset }) {
    return {
      productId: dataset.product || null,
      variantIds: (dataset.variants || "").split(" "),
      element: content.querySelector(TAG),
    };
  }

  /**
   * @param {string} selector
   * @param {Kind[]} kinds
   * @param {boolean} isReplacing
   */
  function lookAround(selector, kinds, isReplacing) {
    for (const [form, { element }] of placed) {
      if (!form.isConnected || !element.isConnected) {
        element.remove();
        placed.delete(form);
      }
    }
    for (const form of findForms(selector)) {
      // One form that cannot be understood must not keep the others from their buttons.
      attempt(() => serve(form, kinds, isReplacing));
    }
  }

  /**
   * @param {string} selector
   * @returns {HTMLFormElement[]}
   */
  function findForms(selector) {
    /** @type {Iterable<Element>} */
    let found;
    try {
      found = document.querySelectorAll(selector);
    } catch {
      // The merchant's selector is no selector.
      found = document.querySelectorAll(DEFAULT_FORMS);
    }
    const forms = [...found].map((part) => (part instanceof HTMLFormElement ? part : part.querySelector("form")));
    return forms.filter((form) => form !== null);
  }

  /**
   * @param {HTMLFormElement} form
   * @param {Kind[]} kinds
   * @param {boolean} isReplacing
   */
  function serve(form, kinds, isReplacing) {
    const button = buyButton(form);
    const variantId = fieldValue(form, "id");
    const productId = fieldValue(form, "product-id");
    if (!button || !(variantId || productId)) {
      // Between two selections a theme may take the id away; what is there can stay.
      return;
    }
    const kind = kinds.find((one) => isAbout(one, productId, variantId)) || kinds.find((one) => !one.productId);
    const isWanted = !!kind?.element && !hasAppBlock(form, kind.productId || productId);
    const before = placed.get(form);
    const stays = isWanted && before?.kind === kind;
    if (before && !stays) {
      before.element.remove();
      placed.delete(form);
    }
    // Of other products only the theme knows at once what is sold out. Where it says so, the widget makes sure.
    const isOffered = !kind?.productId && !looksSoldOut(button);
    if (before && stays) {
      setAttribute(before.element, "available", isOffered ? "true" : before.available);
    } else if (isWanted && !isOffered) {
      const element = makeElement(kind, form, button, { productId, isReplacing });
      placed.set(form, { kind, element, available: element.getAttribute("available") });
      button.after(element);
    }
  }

  /**
   * @param {Kind} kind
   * @param {string} productId
   * @param {string} variantId
   */
  function isAbout(kind, productId, variantId) {
    return !!kind.productId && (productId ? productId === kind.productId : kind.variantIds.includes(variantId));
  }

  /**
   * Whether the merchant has an app block of ours for the same product, which this must not repeat.
   *
   * @param {HTMLFormElement} form
   * @param {string} productId
   */
  function hasAppBlock(form, productId) {
    const region = form.closest(REGION);
    return [...document.querySelectorAll(`${TAG}[data-by=block]`)].some((element) =>
      productId ? element.getAttribute("product-id") === productId : region && region === element.closest(REGION),
    );
  }

  /**
   * @param {HTMLFormElement} form
   * @returns {HTMLButtonElement | HTMLInputElement | undefined} Forms for payment terms and the like have none.
   */
  function buyButton(form) {
    const submits = /** @type {HTMLButtonElement[]} */ ([...form.elements]).filter(({ type }) => type === "submit");
    return submits.find(({ name }) => name === "add") || submits[0];
  }

  /** @param {HTMLButtonElement | HTMLInputElement} button */
  function looksSoldOut(button) {
    return button.disabled || button.getAttribute("aria-disabled") === "true" || button.classList.contains("disabled");
  }

  /**
   * @param {HTMLFormElement} form
   * @param {string} name
   * @returns {string} Empty if the form has no such field.
   */
  function fieldValue(form, name) {
    return /** @type {any} */ (form.elements.namedItem(name))?.value || "";
  }

  /**
   * @param {Kind} kind
   * @param {HTMLFormElement} form
   * @param {HTMLButtonElement | HTMLInputElement} button
   * @param {{ productId: string, isReplacing: boolean }} more
   */
  function makeElement(kind, form, button, { productId, isReplacing }) {
    const element = document.importNode(/** @type {Element} */ (kind.element), true);
    setAttribute(element, "product-id", kind.productId || productId);
    if (isReplacing) {
      const theirs = button.name === "add" ? "[name=add]" : "[type=submit], button:not([type])";
      element.setAttribute("replaces", `${theirs}, .shopify-payment-button`);
    }
    // Not `form.id`, which is the field of that name.
    const id = form.getAttribute("id");
    if (id && !form.contains(button)) {
      element.setAttribute("variant-field", `#${CSS.escape(id)} [name=id]`);
    }
    return element;
  }

  /**
   * @param {Element} element
   * @param {string} name
   * @param {string | null} value Empty or null: the attribute is taken away.
   */
  function setAttribute(element, name, value) {
    if (value) {
      element.setAttribute(name, value);
    } else {
      element.removeAttribute(name);
    }
  }

  /** @param {() => void} action */
  function attempt(action) {
    try {
      action();
    } catch {
      // The shop's page must never suffer: whatever went wrong, a button is only not there.
    }
  }
})();
