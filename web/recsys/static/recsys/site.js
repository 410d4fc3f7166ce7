// Forms with data-inline are sent without leaving the page; the answer takes the place of the nearest
// data-part. Without this script the same forms work, and load the page again.
"use strict";

const told = document.getElementById("told");
const tell = (text) => { if (told) told.textContent = text; };

async function send(form, button) {
  const part = form.closest("[data-part]");
  if (!part || form.dataset.busy) return;
  form.dataset.busy = "1";
  // Not form.action: the buttons are named so.
  const address = form.getAttribute("action");
  const body = new FormData(form);
  if (button?.name) body.set(button.name, button.value);
  const focused = document.activeElement?.id;
  try {
    const answer = await fetch(address, {
      method: "POST", body, headers: { "X-Part": "1" }, credentials: "same-origin",
    });
    // A form that is older than the last sign-in: the whole page has to be loaded anew.
    if (answer.status === 403 || answer.redirected) { location.reload(); return; }
    const text = await answer.text();
    const type = answer.headers.get("Content-Type") || "";
    if (!answer.ok && answer.status !== 404) { tell(text.slice(0, 200)); return; }
    if (!type.startsWith("text/html")) return;
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    const nodes = [...fresh.childNodes];
    if (part === form) form.replaceWith(...nodes);
    else part.replaceChildren(...nodes);
    const place = nodes.find((node) => node.nodeType === 1);
    const again = focused && document.getElementById(focused);
    (again || place?.querySelector("button, input:checked, a"))?.focus();
    covers(document);
    tell(place?.querySelector(".state")?.textContent || place?.textContent.trim().slice(0, 100) || "");
  } catch {
    form.querySelector(".state")?.replaceChildren("⚠");
    tell("⚠");
  } finally {
    delete form.dataset.busy;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-inline]") || !form.closest("[data-part]")) return;
  event.preventDefault();
  send(form, event.submitter);
});

// A star that is clicked is stored at once; with arrow keys, after half a second of rest.
let waiting;
document.addEventListener("change", (event) => {
  const form = event.target.closest("form.rating[data-inline]");
  if (!form || event.target.name !== "rating") return;
  clearTimeout(waiting);
  waiting = setTimeout(() => form.isConnected && send(form), 500);
});

// A picture that cannot be loaded is replaced by the drawn cover.
function covers(root) {
  for (const image of root.querySelectorAll("img[data-cover]")) {
    const swap = () => { image.src = image.dataset.cover; image.removeAttribute("data-cover"); };
    if (image.complete && image.src && !image.naturalWidth) swap();
    else image.addEventListener("error", swap, { once: true });
  }
}
covers(document);
