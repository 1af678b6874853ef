// Stands in for Shopify's App Bridge: as much of `window.shopify` as apps with plain pages use.
(() => {
  const script = document.currentScript;
  const admin = new URL(script.src).origin;
  const query = new URLSearchParams(location.search);
  const waiting = new Map();
  let last = 0;

  function remembered(name) {
    const key = `shopify-${name}`;
    const value = query.get(name) || sessionStorage.getItem(key) || "";
    sessionStorage.setItem(key, value);
    return value;
  }

  /** Ask the page around this one. */
  function ask(asks, about) {
    return new Promise((resolve, reject) => {
      if (window.parent === window) {
        reject(new Error("not in the admin"));
        return;
      }
      last += 1;
      waiting.set(last, { resolve, reject });
      window.parent.postMessage({ shopifyBridge: last, asks, about }, admin);
    });
  }

  addEventListener("message", (event) => {
    if (event.origin !== admin || event.source !== window.parent) return;
    const { shopifyBridge: number, value, error } = event.data || {};
    const asked = waiting.get(number);
    if (!asked) return;
    waiting.delete(number);
    if (error) asked.reject(new Error(error));
    else asked.resolve(value);
  });

  const bare = window.fetch.bind(window);
  window.fetch = async (resource, options = {}) => {
    const address = new URL(resource instanceof Request ? resource.url : resource, location.href);
    const headers = new Headers(options.headers || (resource instanceof Request ? resource.headers : undefined));
    if (address.origin === location.origin && !headers.has("Authorization") && window.parent !== window) {
      headers.set("Authorization", `Bearer ${await ask("token")}`);
      return bare(resource, { ...options, headers });
    }
    return bare(resource, options);
  };

  // The bar for unsaved changes, at the top of the page.

  const bars = new Map();

  function showBar(id, form) {
    if (bars.has(id)) return;
    const bar = document.createElement("div");
    bar.setAttribute("role", "region");
    bar.setAttribute("aria-label", "Unsaved changes");
    bar.dataset.saveBar = "";
    bar.style.cssText =
      "position:fixed;inset:0 0 auto;z-index:1000;display:flex;gap:8px;align-items:center;padding:8px 16px;" +
      "background:#1a1a1a;color:#fff;font:14px/1.4 system-ui,sans-serif";
    const words = document.createElement("span");
    words.textContent = "Unsaved changes";
    words.style.marginInlineEnd = "auto";
    bar.append(words);
    if (form) bar.append(button("Discard", () => form.reset()), button("Save", () => form.requestSubmit()));
    bars.set(id, bar);
    document.body.append(bar);
  }

  function hideBar(id) {
    bars.get(id)?.remove();
    bars.delete(id);
  }

  function button(text, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.style.cssText = "font:inherit;padding:4px 12px;border:0;border-radius:8px;background:#fff;color:#1a1a1a";
    made.addEventListener("click", action);
    return made;
  }

  const content = (form) => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, String(value)]));
  const saved = new WeakMap();

  function watch(form) {
    if (saved.has(form)) return;
    saved.set(form, content(form));
    const compare = () => (content(form) === saved.get(form) ? hideBar(form) : showBar(form, form));
    form.addEventListener("input", compare);
    form.addEventListener("change", compare);
    // The fields are what they were only after the event.
    form.addEventListener("reset", () => setTimeout(compare));
    form.addEventListener("submit", () => {
      saved.set(form, content(form));
      hideBar(form);
    });
  }

  function watchAll() {
    document.querySelectorAll("form[data-save-bar]").forEach(watch);
  }

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", watchAll);
  else watchAll();
  new MutationObserver(watchAll).observe(document.documentElement, { childList: true, subtree: true });

  window.shopify = {
    config: {
      apiKey: document.querySelector("meta[name=shopify-api-key]")?.content || script.dataset.apiKey || "",
      shop: remembered("shop"),
      host: remembered("host"),
      locale: query.get("locale") || "en",
    },
    environment: { embedded: window.parent !== window, mobile: false, pos: false },
    idToken: () => ask("token"),
    app: { extensions: () => ask("extensions") },
    toast: { show: (message, options = {}) => void ask("toast", { message, ...options }).catch(() => {}), hide: () => {} },
    saveBar: { show: async (id) => showBar(id), hide: async (id) => hideBar(id), toggle: async (id) => (bars.has(id) ? hideBar(id) : showBar(id)) },
    loading: () => {},
  };
})();
