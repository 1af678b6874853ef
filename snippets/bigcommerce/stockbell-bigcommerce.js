/**
 * Stockbell on BigCommerce's Stencil themes (Cornerstone and what is built on it).
 *
 * Puts a `<stockbell-notify>` beside every add-to-cart button, loads the widget, and tells the element which variant is
 * chosen and whether it is sold out. What the page already says about a product without options is believed; for chosen
 * options the store is asked, as the theme itself does it: `POST /remote/v1/product-attributes/{product_id}`.
 *
 * Its address tells the shop. Settings are `data-` attributes of the script tag or parameters of its address: `host`,
 * `key`, `token`, `display`, `look`, `replaces`. See README.md.
 */
(() => {
  "use strict";

  const LOOK_MS = 250;
  const DEBOUNCE_MS = 150;
  const TIMEOUT_MS = 6000;
  const RETRY_MS = 8000;
  const TRIES = 3;

  const FORM = "form[data-cart-item-add]";
  const VIEW = ".productView[data-entity-id]";
  const MODAL = ".modal, .quickView, [data-reveal], [role=dialog], dialog";
  // What chooses a variant. A text that is engraved changes no stock: typing it must not ask the store.
  const CHOOSERS = ":is(select, [type=radio], [type=checkbox], [type=hidden])[name^='attribute[']";

  /**
   * @typedef {{ variantId: string, soldOut: boolean, message: string }} Stock
   * What is known of a selection. `variantId` is empty while no variant is chosen; `message` is what the theme writes
   * behind sold-out options.
   */

  /** @type {Stock} */
  const UNKNOWN = { variantId: "", soldOut: false, message: "" };

  // Content of the page that is named like it, as in `<img name="currentScript">`, is no tag of ours.
  const tag = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;
  const address = tag && tag.src ? new URL(tag.src) : null;

  /**
   * @param {string} name
   * @returns {string}
   */
  function setting(name) {
    return (tag && tag.getAttribute(`data-${name}`)) || (address && address.searchParams.get(name)) || "";
  }

  // Stockbell itself serves this file as `HOST/s/PUBLIC_KEY/bigcommerce.js`.
  const served = address && /^(.*)\/s\/([^/]+)\/bigcommerce\.js$/.exec(address.origin + address.pathname);
  const host = setting("host") || (served ? served[1] : address && address.origin) || "";
  const key = setting("key") || (served && served[2]) || "";
  const token = setting("token");

  /**
   * A value that comes from JSON. Pages whose scripts extend `Object.prototype` cannot put anything in.
   *
   * @param {unknown} holder
   * @param {string} name
   * @returns {unknown}
   */
  function own(holder, name) {
    const has = holder && Object.prototype.hasOwnProperty.call(holder, name);
    return has ? /** @type {Record<string, unknown>} */ (holder)[name] : undefined;
  }

  /**
   * What the theme would send: all filled-in fields of the form, but no files.
   *
   * @param {Iterable<Element>} fields
   * @returns {string}
   */
  function serialize(fields) {
    const body = new URLSearchParams();
    for (const element of fields) {
      const field = /** @type {HTMLInputElement} */ (element);
      const isSwitch = field.type === "radio" || field.type === "checkbox";
      const isButton = /^(submit|button|image|reset|file)$/.test(field.type);
      if (field.name && !field.disabled && !isButton && (!isSwitch || field.checked)) {
        body.append(field.name, field.value || "");
      }
    }
    return body.toString();
  }

  /**
   * What BigCommerce says of a selection, in its answer or in the page's `BCData`.
   *
   * @param {unknown} data
   * @returns {Stock | null} Null if it says nothing of stock.
   */
  function readAttributes(data) {
    const inStock = own(data, "instock");
    if (typeof inStock !== "boolean") {
      return null;
    }
    return {
      // Not `variantId`, which counts as the old catalog did: webhooks and the catalog API name variants by this one.
      variantId: String(own(data, "v3_variant_id") || ""),
      // What the merchant took off sale comes back by no delivery.
      soldOut: !inStock && own(data, "purchasable") !== false,
      message: String(own(data, "out_of_stock_message") || ""),
    };
  }

  /** @returns {unknown} What Stencil writes into product pages. */
  function pageData() {
    return own(/** @type {any} */ (window).BCData, "product_attributes");
  }

  /**
   * schema.org's word on the page's one product.
   *
   * @returns {boolean | null} Whether it can be bought; null if the page does not say, or speaks of several.
   */
  function pageAvailability() {
    /** @type {string[]} */
    const words = [];
    for (const script of document.querySelectorAll("script[type='application/ld+json']")) {
      try {
        collectAvailability(JSON.parse(script.textContent || ""), words);
      } catch {
        // Not ours to mend.
      }
    }
    if (!words.length) {
      for (const mark of document.querySelectorAll("[itemprop=availability]")) {
        words.push(mark.getAttribute("href") || mark.getAttribute("content") || "");
      }
    }
    return words.length === 1 ? !/OutOfStock|SoldOut/.test(words[0] || "") : null;
  }

  /**
   * @param {unknown} node
   * @param {string[]} words
   */
  function collectAvailability(node, words) {
    if (node && typeof node === "object") {
      const word = own(node, "availability");
      if (word) {
        words.push(String(word));
      }
      for (const name of Object.keys(node)) {
        collectAvailability(own(node, name), words);
      }
    }
  }

  /**
   * @param {string} path
   * @param {string} body
   * @param {Record<string, string>} headers
   * @param {AbortSignal} signal
   * @returns {Promise<unknown>}
   */
  async function post(path, body, headers, signal) {
    const response = await fetch(location.origin + path, {
      method: "POST",
      credentials: "same-origin",
      headers,
      body,
      signal,
    });
    if (!response.ok) {
      throw new Error(String(response.status));
    }
    return response.json();
  }

  /**
   * The store's word on a selection.
   *
   * @param {string} productId
   * @param {string} body
   * @param {AbortSignal} signal
   * @returns {Promise<Stock>}
   */
  async function askStore(productId, body, signal) {
    const headers = {
      "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
      "stencil-config": "{}",
      "stencil-options": "{}",
      "x-requested-with": "stencil-utils",
      "x-xsrf-token": String(own(/** @type {any} */ (window).BCData, "csrf_token") || ""),
    };
    const path = `/remote/v1/product-attributes/${encodeURIComponent(productId)}`;
    const stock = readAttributes(own(await post(path, body, headers, signal), "data"));
    if (!stock) {
      throw new Error("no stock");
    }
    if (stock.soldOut && !stock.variantId && token) {
      stock.variantId = await onlyVariant(productId, signal);
    }
    return stock;
  }

  /**
   * The id of a product's only variant: a product without options has one too, which the answer above may leave out.
   *
   * @param {string} productId
   * @param {AbortSignal} signal
   * @returns {Promise<string>} Empty if there are several.
   */
  async function onlyVariant(productId, signal) {
    const query =
      "query($id:Int!){site{product(entityId:$id){variants(first:2){edges{node{entityId}}}}}}";
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const body = `{"query":${JSON.stringify(query)},"variables":{"id":${Number(productId)}}}`;
    /** @type {unknown} */
    let node = await post("/graphql", body, headers, signal);
    for (const name of ["data", "site", "product", "variants", "edges"]) {
      node = own(node, name);
    }
    const edges = /** @type {unknown[]} */ (node || []);
    return edges.length === 1 ? String(own(own(edges[0], "node"), "entityId") || "") : "";
  }

  /** @type {Follower | null} Asks the store. The others wait, or a page of many forms would ask for all at once. */
  let asking = null;
  /** @type {WeakSet<Element>} */
  const taken = new WeakSet();

  /** One add-to-cart form, or a product view without one, and the element beside it. */
  class Follower {
    /** @param {Element} place */
    constructor(place) {
      this.place = place;
      this.view = place.closest(`${VIEW}, .productView, [data-entity-id]`) || place;
      this.isMain = isMain(this.view);
      this.element = this.findElement();
      // A theme that fills in the variant itself knows better than any guess.
      this.isTold = !!this.element.getAttribute("variant-id");
      /** @type {string | null} */
      this.selection = null;
      /** @type {Map<string, Stock>} */
      this.answers = new Map();
      this.due = 0;
      this.tries = 0;
      /** @type {AbortController | null} */
      this.request = null;
    }

    /** @returns {Element} The theme's own element, else a new one. */
    findElement() {
      let element = null;
      for (const found of this.view.querySelectorAll("stockbell-notify")) {
        element = element || (taken.has(found) ? null : found);
      }
      if (!element) {
        element = document.createElement("stockbell-notify");
        for (const name of ["display", "look", "replaces"]) {
          write(element, name, setting(name));
        }
        write(element, "available", "true");
      }
      taken.add(element);
      return element;
    }

    /** Themes redraw parts of the form; the element comes back with its place. */
    settle() {
      if (!this.element.isConnected) {
        const button = this.place.querySelector("#form-action-addToCart, [type=submit]");
        const anchor =
          this.place.querySelector("#add-to-cart-wrapper") || (button && button.closest(".form-action")) || button;
        if (anchor) {
          anchor.after(this.element);
        } else {
          (this.place.querySelector(".productView-options") || this.place).append(this.element);
        }
      }
    }

    /** @returns {string} */
    get productId() {
      const field = /** @type {HTMLInputElement | null} */ (this.place.querySelector("[name=product_id]"));
      return (field && field.value) || this.view.getAttribute("data-entity-id") || "";
    }

    /** @param {number} now */
    look(now) {
      const choosers = this.place.querySelectorAll(CHOOSERS);
      const { productId } = this;
      if (!productId || (this.isTold && !choosers.length)) {
        return;
      }
      this.settle();
      const selection = `${productId}?${serialize(choosers)}`;
      if (selection !== this.selection) {
        const isFirst = this.selection === null;
        this.selection = selection;
        this.stop();
        this.tries = 0;
        const known = this.answers.get(selection) || this.readPage(choosers);
        this.due = known ? 0 : now + (isFirst ? 0 : DEBOUNCE_MS);
        // Until the store has answered nobody is offered an alert for what was chosen before.
        this.show(known || UNKNOWN);
        later(DEBOUNCE_MS);
      }
      if (this.due && now >= this.due && !asking && (this.isMain || isVisible(this.view))) {
        void this.ask(productId, selection);
      }
    }

    /**
     * @param {NodeListOf<Element>} choosers
     * @returns {Stock | null} Null if the page does not say enough and the store has to be asked.
     */
    readPage(choosers) {
      if (/=[^&]/.test(serialize(choosers))) {
        return null;
      }
      // Nothing is chosen, or there is nothing to choose: what the page says of the product as a whole holds.
      const stock = this.isMain ? readAttributes(pageData()) : null;
      if (stock) {
        return stock.soldOut && !stock.variantId ? null : stock;
      }
      const isAvailable = this.isMain ? pageAvailability() : null;
      return isAvailable || (isAvailable === null && choosers.length) ? UNKNOWN : null;
    }

    /**
     * @param {string} productId
     * @param {string} selection
     */
    async ask(productId, selection) {
      const request = new AbortController();
      asking = this;
      this.request = request;
      this.due = 0;
      this.tries += 1;
      const timer = setTimeout(() => request.abort(), TIMEOUT_MS);
      try {
        const fields = /** @type {HTMLFormElement} */ (this.place).elements;
        const body = fields ? serialize(fields) : `action=add&product_id=${productId}&qty%5B%5D=1`;
        const stock = await askStore(productId, body, request.signal);
        this.answers.set(selection, stock);
        if (this.request === request) {
          this.show(stock);
        }
      } catch {
        // The page stays as it is. Stores limit how often they are asked, so only a few more times.
        if (this.request === request && this.tries < TRIES) {
          this.due = Date.now() + RETRY_MS;
        }
      }
      clearTimeout(timer);
      if (this.request === request) {
        this.stop();
      }
    }

    stop() {
      if (this.request) {
        this.request.abort();
        this.request = null;
      }
      if (asking === this) {
        asking = null;
      }
    }

    /** @param {Stock} stock */
    show({ variantId, soldOut, message }) {
      const { element } = this;
      // Without an id it would take the wish list's "variation_id" for the variant, a number of the old catalog.
      write(element, "variant-field", "none");
      write(element, "variant-id", variantId);
      write(element, "available", String(!(soldOut && variantId)));
      write(element, "product-id", this.productId);
      write(element, "product-title", titleOf(this.view));
      write(element, "variant-title", variantId ? chosenText(this.place, message) : "");
    }
  }

  /**
   * @param {Element} element
   * @param {string} name
   * @param {string} value Empty takes the attribute away.
   */
  function write(element, name, value) {
    if (value) {
      element.setAttribute(name, value);
    } else {
      element.removeAttribute(name);
    }
  }

  /**
   * Whether the page's data speak of this view: the first one that is no quick view, with the same SKU.
   *
   * @param {Element} view
   * @returns {boolean}
   */
  function isMain(view) {
    for (const first of document.querySelectorAll(`${VIEW}, ${FORM}`)) {
      if (!first.closest(MODAL)) {
        const shown = view.querySelector("[data-product-sku]");
        const sku = own(pageData(), "sku");
        return view.contains(first) && (!sku || !shown || (shown.textContent || "").trim() === sku);
      }
    }
    return false;
  }

  /**
   * @param {Element} view
   * @returns {boolean}
   */
  function isVisible(view) {
    const { height, top, bottom } = view.getBoundingClientRect();
    return height > 0 && bottom > 0 && top < innerHeight;
  }

  /**
   * @param {Element} view
   * @returns {string}
   */
  function titleOf(view) {
    const title = view.querySelector(".productView-title, h1");
    return ((title && title.textContent) || view.getAttribute("data-name") || "").trim();
  }

  /**
   * What the shopper has chosen, in the theme's words.
   *
   * @param {Element} place
   * @param {string} message What the theme adds to sold-out options, in brackets.
   * @returns {string}
   */
  function chosenText(place, message) {
    const words = [];
    for (const element of place.querySelectorAll(CHOOSERS)) {
      const { options, selectedIndex } = /** @type {HTMLSelectElement} */ (element);
      const { type, checked, labels } = /** @type {HTMLInputElement} */ (element);
      const option = options ? options[selectedIndex] : null;
      const label = type === "radio" && checked && labels ? labels[0] : null;
      const source = option && option.value ? option : label;
      if (source) {
        const named = source.querySelector("[title]");
        const text = (source.textContent || "").trim() || (named && named.getAttribute("title")) || "";
        words.push(text.replace(` (${message})`, "").trim());
      }
    }
    return words.filter(Boolean).join(" / ");
  }

  let isLoaded = false;

  /** Brings the widget, once there is a product on the page. */
  function loadWidget() {
    if (!isLoaded && key && /^https?:\/\//.test(host)) {
      isLoaded = true;
      const src = `${host.replace(/\/$/, "")}/s/${encodeURIComponent(key)}.js`;
      if (!customElements.get("stockbell-notify") && !document.querySelector(`script[src="${src}"]`)) {
        const script = document.createElement("script");
        script.src = src;
        script.async = true;
        document.head.append(script);
      }
    }
  }

  /** @type {WeakMap<Element, Follower>} */
  const followers = new WeakMap();

  /** @param {Element} place */
  function visit(place) {
    try {
      let follower = followers.get(place);
      if (!follower) {
        follower = new Follower(place);
        followers.set(place, follower);
        loadWidget();
      }
      follower.look(Date.now());
    } catch {
      // The shop's page must never suffer from this script: whatever went wrong, only the button is not there.
    }
  }

  function look() {
    if (document.hidden) {
      return;
    }
    for (const form of document.querySelectorAll(FORM)) {
      visit(form);
    }
    for (const view of document.querySelectorAll(VIEW)) {
      if (!view.querySelector(FORM)) {
        visit(view);
      }
    }
  }

  /** @param {number} milliseconds */
  function later(milliseconds) {
    setTimeout(look, milliseconds);
  }

  // Installed twice, say in the theme and in the Script Manager, the first one works alone.
  const mark = Symbol.for("stockbell.bigcommerce");
  if (!(mark in document)) {
    Object.defineProperty(document, mark, { value: true });
    // Quick views come and go and themes reset options without telling anybody: looking is the only way to notice.
    setInterval(look, LOOK_MS);
    document.addEventListener("change", () => later(0), true);
    look();
  }
})();
