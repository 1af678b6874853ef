/**
 * Stockbell on Wix: a site plugin for the slots of the Wix Stores product page.
 *
 * The page gives it `productId`, `selectedVariantId` and `selectedChoices`, as attributes or as properties, in any
 * order, and again whenever the visitor chooses; the settings panel gives it `host`, `public-key`, `accent` and
 * `display`. It puts a `<stockbell-notify>` into itself and keeps its attributes up to date. It reads nothing from Wix
 * and needs no permission.
 */

/** The variant of every product without options, in shops with Wix's first catalog: names nothing. */
const NO_VARIANT = "00000000-0000-0000-0000-000000000000";
const TIMEOUT_MS = 6000;
const NOTE = "Stockbell: the button is here while the chosen variant is sold out.";
const NOTE_SETTINGS = "Stockbell: put in the address of your Stockbell and your public key in this plugin's settings.";

export default class StockbellNotifyPlugin extends HTMLElement {
  static get observedAttributes() {
    const fromPage = ["product-id", "selected-variant-id", "selected-choices"];
    // What sets an attribute by the property's name gets it in lower case.
    const lowerCase = ["productid", "selectedvariantid", "selectedchoices"];
    return [...fromPage, ...lowerCase, "host", "public-key", "accent", "display"];
  }

  constructor() {
    super();
    /** @private @type {Map<string, unknown>} The last word on each value, whichever way it came. */
    this._values = new Map();
    /** @private */
    this._isDue = false;
    /** @private */
    this._isEditor = false;
    /** @private @type {HTMLElement | null} */
    this._notify = null;
    /** @private @type {Map<string, boolean>} Whether variants are sold out. */
    this._soldOut = new Map();
    /** @private @type {string} The variant that is asked for now. */
    this._asking = "";
  }

  get productId() {
    return this._values.get("productid");
  }
  set productId(value) {
    this._take("productid", value);
  }

  get selectedVariantId() {
    return this._values.get("selectedvariantid");
  }
  set selectedVariantId(value) {
    this._take("selectedvariantid", value);
  }

  get selectedChoices() {
    return this._values.get("selectedchoices");
  }
  set selectedChoices(value) {
    this._take("selectedchoices", value);
  }

  connectedCallback() {
    // Set before the class was there, a property lies in front of the class's own.
    for (const name of /** @type {const} */ (["productId", "selectedVariantId", "selectedChoices"])) {
      if (Object.prototype.hasOwnProperty.call(this, name)) {
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
    }
    this._updateSoon();
    void this._lookForEditor();
  }

  /**
   * @param {string} name
   * @param {string | null} _before
   * @param {string | null} value
   */
  attributeChangedCallback(name, _before, value) {
    this._take(name.replace(/-/g, ""), value);
  }

  /**
   * @private
   * @param {string} name
   * @param {unknown} value
   */
  _take(name, value) {
    this._values.set(name, value);
    this._updateSoon();
  }

  /** @private Once for all values that change together: between two of them they fit no product. */
  _updateSoon() {
    if (!this._isDue) {
      this._isDue = true;
      queueMicrotask(() => {
        this._isDue = false;
        try {
          if (this.isConnected) {
            this._update();
          }
        } catch {
          // The shop's page must never suffer from this element: whatever went wrong, only the button is not there.
        }
      });
    }
  }

  /**
   * @private
   * @param {string} name
   * @returns {string} Empty for what stands for nothing.
   */
  _text(name) {
    const value = this._values.get(name);
    const text = value === null || value === undefined ? "" : String(value).trim();
    return text === "undefined" || text === "null" ? "" : text;
  }

  /** @private */
  _update() {
    const host = originOf(this._text("host"));
    const key = this._text("publickey");
    if (this._isEditor || !host || !key) {
      this._showNote(host && key ? NOTE : NOTE_SETTINGS);
      return;
    }
    loadWidget(host, key);
    const productId = this._text("productid");
    const selected = this._text("selectedvariantid");
    const variantId = selected === NO_VARIANT ? productId : selected;
    const notify = this._element();
    write(notify, "product-id", productId);
    write(notify, "variant-id", variantId);
    write(notify, "variant-title", variantId ? titleOf(this._values.get("selectedchoices")) : "");
    write(notify, "display", this._text("display") === "inline" ? "inline" : "");
    // Without a variant it must not look for one among the page's fields.
    write(notify, "variant-field", "none");
    write(notify, "available", String(!this._soldOut.get(variantId)));
    const accent = this._text("accent");
    notify.style.setProperty("--stockbell-accent", CSS.supports("color", accent) ? accent : "");
    if (variantId && !this._soldOut.has(variantId) && this._asking !== variantId) {
      void this._ask(host, key, variantId);
    }
  }

  /**
   * Wix tells plugins nothing of stock, and the page's structured data speak of the product, not of the variant, so
   * Stockbell is asked, once per variant.
   *
   * @private
   * @param {string} host
   * @param {string} key
   * @param {string} variantId
   */
  async _ask(host, key, variantId) {
    this._asking = variantId;
    const request = new AbortController();
    const timer = setTimeout(() => request.abort(), TIMEOUT_MS);
    try {
      const path = `/api/v1/storefront/${encodeURIComponent(key)}/variants/${encodeURIComponent(variantId)}`;
      const response = await fetch(host + path, { signal: request.signal });
      if (response.ok) {
        this._soldOut.set(variantId, (await response.json()).available === false);
      } else if (response.status === 404) {
        this._soldOut.set(variantId, false);
      }
    } catch {
      // Not remembered: asked anew when the visitor comes back to this variant.
    }
    clearTimeout(timer);
    if (this._asking === variantId) {
      this._asking = "";
      if (this._soldOut.has(variantId)) {
        this._updateSoon();
      }
    }
  }

  /**
   * @private
   * @returns {HTMLElement}
   */
  _element() {
    this._notify = this._notify || document.createElement("stockbell-notify");
    if (!this._notify.isConnected) {
      this.replaceChildren(this._notify);
    }
    return this._notify;
  }

  /** @private Sites never run in a frame, the editor always does; only there is Wix's own module asked. */
  async _lookForEditor() {
    if (window.self !== window.top) {
      try {
        // @ts-ignore The project that the Wix CLI makes has it.
        const { window: site } = await import("@wix/site-window");
        this._isEditor = (await site.viewMode()) === "Editor";
        this._updateSoon();
      } catch {
        // A frame of somebody else's.
      }
    }
  }

  /**
   * What the site's owner sees in the editor, where no variant is chosen; visitors never do.
   *
   * @private
   * @param {string} text
   */
  _showNote(text) {
    if (this._isEditor) {
      const note = document.createElement("p");
      note.textContent = text;
      this.replaceChildren(note);
    } else {
      this.replaceChildren();
    }
  }
}

/**
 * @param {string} address
 * @returns {string} Empty if it is no address of a web server.
 */
function originOf(address) {
  try {
    const { origin, protocol } = new URL(address);
    return protocol === "https:" || protocol === "http:" ? origin : "";
  } catch {
    return "";
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value Empty takes the attribute away.
 */
function write(element, name, value) {
  if (!value) {
    element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) {
    element.setAttribute(name, value);
  }
}

/**
 * @param {unknown} choices Option names and what was chosen, as an object or its JSON.
 * @returns {string}
 */
function titleOf(choices) {
  try {
    const chosen = typeof choices === "string" ? JSON.parse(choices) : choices;
    const words = [];
    for (const name of Object.keys(chosen || {})) {
      const word = chosen[name];
      if (typeof word === "string" && word) {
        words.push(word);
      }
    }
    return words.join(" / ");
  } catch {
    return "";
  }
}

/**
 * @param {string} host
 * @param {string} key
 */
function loadWidget(host, key) {
  const src = `${host}/s/${encodeURIComponent(key)}.js`;
  if (!customElements.get("stockbell-notify") && !document.querySelector(`script[src="${src}"]`)) {
    const script = document.createElement("script");
    script.src = src;
    script.async = true;
    document.head.append(script);
  }
}
