// Follows the choice of a variant without loading the page anew, as most themes do.
const picker = document.querySelector("[data-picker]");
const widget = document.querySelector("stockbell-notify");
const link = widget.querySelector("a");
const buy = document.querySelector("[data-buy]");

function show(option) {
  const quantity = Number(option.dataset.quantity);
  const address = new URL(location.href);
  address.searchParams.set("variant", option.value);
  history.replaceState(null, "", address);
  for (const field of document.querySelectorAll("[data-chosen]")) field.value = option.value;
  document.querySelector("[data-stock]").textContent = quantity;
  buy.disabled = quantity === 0;
  buy.textContent = quantity === 0 ? "Sold out" : "Buy now";
  link.hidden = quantity > 0;
  link.href = link.href.replace(/[^/]*$/, encodeURIComponent(option.value));
  widget.setAttribute("variant-id", option.value);
  widget.setAttribute("available", String(quantity > 0));
}

picker.addEventListener("change", (event) => show(event.target));
