import { settings } from "./config.js";
import { start } from "./start.js";

// A file that knows no shop leaves what the page put inside the element as it is.
if (settings.key) {
  // Not while the page is being read: what it has put inside an element may still be on its way.
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
}
