// Updates the page in place. Without this script the page is complete, but static.
"use strict";

const INTERVAL = 15000, SOON = 2000;
const live = document.getElementById("live");
let timer, busy = false;

// Replaces an element, and restores the focus.
function replace(before, after) {
  const focusable = (of) => [...of.querySelectorAll("a,button,summary,input,[tabindex]")];
  const index = focusable(before).indexOf(document.activeElement);
  before.replaceWith(after);
  const focused = index >= 0 && focusable(after)[index];
  if (focused) focused.focus({ preventScroll: true });
}

const parts = (of) => [...of.querySelectorAll("[data-live]")].map((part) => part.id).join();

function update(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  // A page with other parts, such as while the database is down.
  if (parts(page) !== parts(document)) { location.reload(); return; }
  for (const after of page.querySelectorAll("[data-live]")) {
    const before = document.getElementById(after.id);
    // Open details stay open.
    for (const open of before.querySelectorAll("details[open]")) {
      const details = after.querySelector("#" + CSS.escape(open.id));
      if (details) details.setAttribute("open", "");
    }
    if (before.outerHTML !== after.outerHTML) replace(before, document.importNode(after, true));
  }
  document.body.toggleAttribute("data-soon", page.body.hasAttribute("data-soon"));
  const done = page.getElementById("refreshed");
  if (page.getElementById("again")) live.textContent = "Still refreshing.";
  else if (done && live.innerHTML !== done.outerHTML) live.replaceChildren(document.importNode(done, true));
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(poll, document.body.hasAttribute("data-soon") ? SOON : INTERVAL);
}

async function poll() {
  if (!document.hidden && !busy) {
    try {
      const response = await fetch(location.pathname, { cache: "no-store" });
      if (response.ok) update(await response.text());
    } catch { /* Unreachable: the page shows the age of its data. */ }
  }
  schedule();
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  const form = event.target;
  form.querySelector("button").setAttribute("aria-busy", "true");
  live.textContent = "Refreshing…";
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const text = await response.text();
    if (response.ok) {
      update(text);
    } else {
      live.textContent = text;
    }
  } catch {
    live.textContent = "The exporter does not answer.";
  }
  const button = form.querySelector("button");
  if (button) button.removeAttribute("aria-busy");
  busy = false;
  schedule();
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
schedule();
