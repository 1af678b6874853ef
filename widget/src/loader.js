import { settings } from "./config.js";
import { start } from "./start.js";

// A file that knows no shop leaves what the page put inside the element as it is.
if (settings.key) {
  start();
}
