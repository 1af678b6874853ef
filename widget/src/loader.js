import { config } from "./config.js";
import { define } from "./define.js";

// In a file without settings the fallback that the page put inside the element stays.
if (config.api) {
  define();
}
