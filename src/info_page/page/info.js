// Exchanges what changed, without loading the page again. Without this script the page is the same, and stands still.
"use strict";

const CALM = 15000, SOON = 2000;
const live = document.getElementById("live");
let timer, busy = false;

// Puts the focus back to where it was.
function exchange(before, after) {
  const stops = (of) => [...of.querySelectorAll("a,button,summary,[tabindex]")];
  const place = stops(before).indexOf(document.activeElement);
  before.replaceWith(after);
  const again = place >= 0 && stops(after)[place];
  if (again) again.focus({ preventScroll: true });
}

function take(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const after of page.querySelectorAll("[data-live]")) {
    const before = document.getElementById(after.id);
    if (!before) { location.reload(); return; }
    // What is open stays open.
    for (const open of before.querySelectorAll("details[open]")) {
      const details = after.querySelector("#" + CSS.escape(open.id));
      if (details) details.setAttribute("open", "");
    }
    if (before.outerHTML !== after.outerHTML) exchange(before, document.importNode(after, true));
  }
  document.body.toggleAttribute("data-soon", page.body.hasAttribute("data-soon"));
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(look, document.body.hasAttribute("data-soon") ? SOON : CALM);
}

async function look() {
  if (!document.hidden && !busy) {
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (answer.ok) take(await answer.text());
    } catch { /* The exporter does not answer: what is shown says how old it is. */ }
  }
  wait();
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (busy) return;
  busy = true;
  const form = event.target;
  form.querySelector("button").setAttribute("aria-busy", "true");
  live.textContent = "Refreshing…";
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const text = await answer.text();
    if (answer.ok) {
      take(text);
      const done = document.getElementById("refreshed");
      live.textContent = done ? done.textContent : "Still refreshing.";
    } else {
      live.textContent = text;
    }
  } catch {
    live.textContent = "The exporter does not answer.";
  }
  const button = form.querySelector("button");
  if (button) button.removeAttribute("aria-busy");
  busy = false;
  wait();
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
wait();
