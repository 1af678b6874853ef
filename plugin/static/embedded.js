/**
 * The merchant's pages in a frame of their platform's admin.
 *
 * Each page is the same as elsewhere. It is fetched here, as only a fetch can prove whose admin this is: App Bridge adds
 * a session token to each. Links and forms are followed by fetching, too, and what comes takes the place of the page.
 */
(() => {
  "use strict";

  const FAILED = "The page could not be loaded. Check your connection, then try again.";
  const ORIGIN = location.origin;
  /** Only the newest answer is shown. */
  let turn = 0;

  document.addEventListener("click", (event) => {
    const link = /** @type {Element} */ (event.target).closest("a");
    const opensHere = link && !link.target && link.origin === ORIGIN && !event.defaultPrevented && event.button === 0;
    if (!opensHere || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    if (link.pathname === location.pathname && link.hash) {
      return; // a place on this page
    }
    event.preventDefault();
    void (link.hasAttribute("data-download") ? download(link) : leave(() => show(link.href)));
  });

  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    event.preventDefault();
    if (form.hasAttribute("data-sent")) {
      return; // pressed twice
    }
    const body = new FormData(form, event.submitter);
    form.setAttribute("data-sent", "");
    const done = () => form.removeAttribute("data-sent");
    if (form.method === "post") {
      void show(form.action, { method: "POST", body: new URLSearchParams(/** @type {any} */ (body)) }).finally(done);
    } else {
      void show(`${form.action}?${new URLSearchParams(/** @type {any} */ (body))}`).finally(done);
    }
  });

  addEventListener("popstate", () => void show(location.href, {}, false));

  if (document.querySelector("[data-empty]")) {
    void show(location.href, {}, false);
  } else {
    started();
  }

  /**
   * Go on unless the merchant would rather keep what is not saved yet.
   *
   * @param {() => Promise<void>} go
   */
  async function leave(go) {
    await bridge()?.saveBar?.leaveConfirmation?.();
    await go();
  }

  /**
   * @param {string} url
   * @param {RequestInit} [options]
   * @param {boolean} [isNew] Whether the way back leads to the page before.
   */
  async function show(url, options = {}, isNew = true) {
    const mine = ++turn;
    const main = document.querySelector("main");
    main?.setAttribute("aria-busy", "true");
    try {
      const address = new URL(url, location.href);
      address.searchParams.delete("id_token");
      const answer = await fetch(address, { ...options, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine === turn) {
        take(page, answer, isNew && !options.method);
      }
    } catch {
      if (mine === turn) {
        say(FAILED);
      }
    } finally {
      main?.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {Document} page
   * @param {Response} answer
   * @param {boolean} isNew
   */
  function take(page, answer, isNew) {
    const fresh = page.querySelector("main");
    if (!fresh || fresh.querySelector("[data-empty]")) {
      say("Your session in the admin has ended. Load the admin's page again.");
      return;
    }
    if (isNew && new URL(answer.url).pathname !== location.pathname) {
      history.pushState(null, "", answer.url);
    }
    document.title = page.title;
    document.body.className = page.body.className;
    document.querySelector("main")?.replaceWith(document.adoptNode(fresh));
    const news = /** @type {HTMLElement | null} */ (
      document.querySelector("main [role=alert], main [role=status].notice, main h1")
    );
    if (news) {
      news.tabIndex = -1;
      news.focus();
    }
    scrollTo(0, 0);
    started();
  }

  /** What a page can tell only in the browser. */
  function started() {
    const place = document.querySelector("[data-embed-status]");
    if (place) {
      void embedStatus().then((status) => {
        place.setAttribute("data-embed-status", status);
        for (const words of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-when]"))) {
          words.hidden = words.dataset.unless ? words.dataset.unless === status : words.dataset.when !== status;
        }
      });
    }
  }

  /**
   * Whether the theme that customers see has our button.
   *
   * @returns {Promise<"on" | "off" | "unknown">}
   */
  async function embedStatus() {
    try {
      /** @type {any[]} */
      const extensions = (await bridge().app.extensions()) ?? [];
      const ours = extensions.filter((each) => each.type === "theme_app_extension");
      const places = ours.flatMap((each) => each.activations ?? []);
      if (!places.length) {
        return ours.length ? "off" : "unknown";
      }
      return places.some((each) => each.status === "active") ? "on" : "off";
    } catch {
      return "unknown";
    }
  }

  /** @param {HTMLAnchorElement} link */
  async function download(link) {
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) {
        throw new Error();
      }
      const file = document.createElement("a");
      file.href = URL.createObjectURL(await answer.blob());
      file.download = link.getAttribute("data-download") || "stockbell";
      file.click();
      setTimeout(() => URL.revokeObjectURL(file.href), 60_000);
    } catch {
      say(FAILED);
    }
  }

  /** @param {string} words Stays until the next page. */
  function say(words) {
    const main = document.querySelector("main");
    main?.querySelector("[data-problem], [data-empty]")?.remove();
    const note = document.createElement("p");
    note.className = "notice bad";
    note.setAttribute("role", "alert");
    note.setAttribute("data-problem", "");
    note.textContent = words;
    main?.prepend(note);
    scrollTo(0, 0);
  }

  function bridge() {
    return /** @type {any} */ (window).shopify;
  }
})();
