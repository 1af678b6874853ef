// The page around the app: answers App Bridge, and nobody else.
const frame = document.querySelector("#app");
const toast = document.querySelector("#toast");

const answers = {
  token: () => load(frame.dataset.token).then((told) => told.token),
  extensions: () => load(frame.dataset.extensions),
  toast: ({ message, duration }) => {
    toast.textContent = message;
    toast.hidden = false;
    setTimeout(() => (toast.hidden = true), duration || 5000);
  },
};

async function load(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answers ${response.status}`);
  return response.json();
}

addEventListener("message", async (event) => {
  if (event.origin !== frame.dataset.origin || event.source !== frame.contentWindow) return;
  const { shopifyBridge: number, asks, about } = event.data || {};
  if (!number || !Object.hasOwn(answers, asks)) return;
  let told;
  try {
    told = { value: await answers[asks](about) };
  } catch (error) {
    told = { error: String(error) };
  }
  frame.contentWindow.postMessage({ shopifyBridge: number, ...told }, frame.dataset.origin);
});

// Only now, so that nothing is asked before somebody listens.
frame.src = frame.dataset.address;
