// What live regions need beside htmx: rest in hidden tabs, say when the server is away, keep what is open.
//
// On a host's page only what is inside `.headway` is ours, and what is around a page of ours may be missing.
"use strict";
{
  const isOurs = (element) => element instanceof Element && element.closest(".headway") !== null;
  const isPoll = (element) => element instanceof Element && element.matches("[data-poll]");
  const sayOffline = (isOffline) => {
    const bar = document.getElementById("offline");
    if (bar) bar.hidden = !isOffline;
  };

  // -- what htmx sends is from this page

  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.getElementById("headway")?.dataset.csrf;
    if (token && isOurs(event.detail.elt)) event.detail.headers["X-CSRFToken"] = token;
  });

  // -- hidden tabs ask nothing, and ask at once when they are seen again

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) document.dispatchEvent(new CustomEvent("headway:wake"));
  });

  // -- the server is away: say so after the second miss, go on asking

  let misses = 0;
  const missed = (event) => {
    if (!isPoll(event.detail.elt)) return;
    misses += 1;
    if (misses >= 2) sayOffline(true);
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, missed);
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && isPoll(event.detail.requestConfig?.elt ?? event.detail.elt)) {
      misses = 0;
      sayOffline(false);
    }
  });

  // -- an error answer is shown where the server says it belongs, and nowhere else

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, elt, requestConfig } = event.detail;
    if (xhr.status >= 400 && xhr.getResponseHeader("HX-Retarget") && isOurs(requestConfig?.elt ?? elt)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // -- what the person has opened, scrolled or selected survives a swap

  const opened = new Map();
  const scrolled = new Map();
  document.addEventListener("htmx:beforeSwap", () => {
    opened.clear();
    scrolled.clear();
    for (const details of document.querySelectorAll(".headway details[id]")) opened.set(details.id, details);
    for (const box of document.querySelectorAll(".headway :is(details pre, .scroller, .tabs)")) {
      if (box.scrollTop || box.scrollLeft) {
        const home = box.closest("[id]");
        if (home) scrolled.set(home.id, [box.scrollTop, box.scrollLeft, box.className]);
      }
    }
  });
  document.addEventListener("htmx:afterSettle", () => {
    // Only what was replaced: the person may have opened another one meanwhile.
    for (const [id, old] of opened) {
      const details = document.getElementById(id);
      if (details && details !== old) details.open = old.open;
    }
    for (const [id, [top, left, className]] of scrolled) {
      const home = document.getElementById(id);
      const box = home && [home, ...home.querySelectorAll("pre, .scroller, .tabs")].find((entry) => entry.className === className);
      if (box) box.scrollTo({ top, left, behavior: "instant" });
    }
    announceMilestones();
    renameTab();
    takeFocus();
  });

  // -- a screen reader hears of milestones only: the text changes with them, never with the numbers

  const announceMilestones = () => {
    for (const status of document.querySelectorAll("[data-milestones-of]")) {
      const region = document.getElementById(status.dataset.milestonesOf);
      const milestone = region?.dataset.milestone ?? "";
      if (status.dataset.announced === undefined) status.dataset.announced = milestone;
      else if (status.dataset.announced !== milestone) {
        status.dataset.announced = milestone;
        status.textContent = milestone;
      }
    }
  };

  // -- the tab is named after the region that the page is about; what stands around that name is the site's

  const entitled = () => document.querySelector(".headway [data-title]");
  const plain = (text) => text.replace(/\s+/g, " ").trim();
  let named = plain(entitled()?.dataset.title ?? "");
  const start = named ? document.title.indexOf(named) : -1;
  const before = document.title.slice(0, start);
  const after = document.title.slice(start + named.length);
  const renameTab = () => {
    const name = plain(entitled()?.dataset.title ?? named);
    if (start < 0 || name === named) return;
    named = name;
    document.title = before + name + after;
  };

  // -- after an invalid submit the focus goes to the summary, which links to the fields

  const takeFocus = () => {
    const wanted = document.querySelector("[data-take-focus]");
    if (wanted) {
      wanted.removeAttribute("data-take-focus");
      wanted.focus({ preventScroll: true });
      wanted.scrollIntoView({ block: "start" });
    }
  };

  // -- a field whose errors have come or gone says so itself

  document.addEventListener("htmx:afterSwap", (event) => {
    const field = event.detail.elt?.closest?.("[data-field]");
    const errors = field?.querySelector(".field-errors");
    if (!errors) return;
    for (const control of field.querySelectorAll(`[aria-describedby~="${CSS.escape(errors.id)}"]`)) {
      if (errors.childElementCount) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  });

  // -- where there is no room for the whole navigation, the page's own entry is in sight

  const current = document.querySelector(".topnav [aria-current]");
  if (current) {
    const nav = current.parentElement;
    nav.scrollLeft = current.offsetLeft + current.offsetWidth / 2 - nav.clientWidth / 2;
  }

  announceMilestones();
  takeFocus();
}
