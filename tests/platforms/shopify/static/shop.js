// Follows the choice of a variant without loading the page anew, as most themes do.
const form = document.querySelector('form[action="/cart/add"]');
const button = form.querySelector("button");

form.elements.id.addEventListener("change", () => {
  const option = form.elements.id.selectedOptions[0];
  const address = new URL(location.href);
  address.searchParams.set("variant", option.value);
  address.searchParams.delete("bought");
  history.replaceState(null, "", address);
  button.disabled = option.dataset.available !== "true";
  button.textContent = button.disabled ? "Sold out" : "Buy now";
});
