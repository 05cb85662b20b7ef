// Watches the jobs of a page: how far they are in the tab's title, and that one has ended, there and by the browser.
//
// While the page is seen its live regions say what there is. In a hidden tab they rest, and this asks in their place, now
// and then, in one request for all jobs of the page.
"use strict";
{
  const HIDDEN_MS = 20_000;
  // For so long a job that another tab has announced, or shown to the person, needs no notification of this one.
  const TOLD_MS = 120_000;
  const WORDS = { succeeded: "✓ Done", warned: "⚠ Done, with warnings", failed: "✗ Failed" };
  const ENDED = new Set(["succeeded", "warned", "failed", "cancelled"]);

  const page = document.querySelector(".job-progress");
  // What the server says of the page as a whole.
  const parts = document.getElementById("headway") ?? document.createElement("div");
  let plainTitle = document.title;
  // The job's own part of that.
  let jobTitle = page?.dataset.title;
  let markedTitle = "";

  // -- what the page shows

  const isLooking = () => !document.hidden && document.hasFocus();

  const shownJobs = () => {
    const own = document.querySelector(".job-progress");
    if (own) {
      const name = document.querySelector(".page-title")?.textContent.trim() ?? "";
      return [{ id: own.id.split("-")[1], element: own, state: own.dataset.state, name }];
    }
    return [...document.querySelectorAll(".job-row:has([data-state]):has(.row-link)")].map((row) => ({
      id: row.id.split("-").pop(),
      element: row,
      state: row.querySelector("[data-state]").dataset.state,
      name: row.querySelector(".row-link").textContent.trim(),
      percent: row.querySelector(".job-percent")?.textContent,
    }));
  };

  // -- the title

  const show = () => {
    const title = markedTitle || plainTitle;
    if (document.title !== title) document.title = title;
  };

  const listTitle = document.title;
  // What the site's name is set off with, and the name.
  const siteName = listTitle.match(/ · [^·]*$/)?.[0] ?? "";
  const titleOf = (jobs) => {
    const working = jobs.filter((job) => job.state === "running" || job.state === "waiting");
    if (!working.length) return listTitle;
    if (working.length > 1) return `${working.length} at work · ${listTitle}`;
    return `${working[0].percent ?? "1 at work"} · ${working[0].name}${siteName}`;
  };

  const unmark = () => {
    if (!isLooking() || !markedTitle) return;
    markedTitle = "";
    show();
  };
  window.addEventListener("focus", unmark);
  document.addEventListener("visibilitychange", unmark);

  // -- a job has ended

  const announced = () => {
    try {
      const all = JSON.parse(localStorage.getItem("headway-told") ?? "{}");
      return Object.fromEntries(Object.entries(all).filter(([, at]) => Date.now() - at < TOLD_MS));
    } catch {
      return {};
    }
  };

  const isAnnouncedElsewhere = (job) => {
    const all = announced();
    // One that was tried again may end otherwise, and soon.
    const end = `${job.id} ${job.state}`;
    const isAnnounced = end in all;
    try {
      localStorage.setItem("headway-told", JSON.stringify({ ...all, [end]: Date.now() }));
    } catch {
      // No store, as in some private windows: the tag below keeps two from standing side by side.
    }
    return isAnnounced;
  };

  const end = (job) => {
    const word = WORDS[job.state];
    if (!word) return;
    const isAnnounced = isAnnouncedElsewhere(job);
    if (isLooking()) return;
    markedTitle = `${word} · ${job.name}`;
    if (isAnnounced || !("notifies" in parts.dataset)) return;
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    try {
      const notice = new Notification(job.name, { body: word, tag: `headway-job-${job.id}` });
      notice.addEventListener("click", () => {
        window.focus();
        notice.close();
      });
    } catch {
      // Some browsers have the name and refuse the use.
    }
  };

  // -- from the page, after each swap

  const watched = new Map();
  // What ended in a hidden tab, with the element that still shows it alive.
  const outdated = new Map();

  const look = () => {
    const jobs = shownJobs();
    const ids = new Set(jobs.map((job) => job.id));
    for (const job of jobs) {
      if (outdated.get(job.id) === job.element) continue;
      outdated.delete(job.id);
      const isLive = !ENDED.has(job.state);
      if (!isLive && watched.has(job.id)) end(job);
      if (isLive) watched.set(job.id, job);
      else watched.delete(job.id);
    }
    // A list of live jobs drops those that have ended.
    const gone = [...watched.keys()].filter((id) => !ids.has(id));
    if (gone.length) ask(gone, { forget: true });
    if (!page) plainTitle = titleOf(jobs);
    show();
  };

  document.addEventListener("htmx:afterSettle", () => {
    // The answer for a job's page has renamed the tab.
    if (page && document.title !== markedTitle) {
      plainTitle = document.title;
      jobTitle = document.querySelector(".job-progress")?.dataset.title ?? jobTitle;
    }
    look();
  });

  // -- from the server, while nobody sees the page

  const ask = async (ids, { forget = false } = {}) => {
    if (!parts.dataset.watched) return;
    const known = ids.map((id) => watched.get(id));
    if (forget) ids.forEach((id) => watched.delete(id));
    const query = new URLSearchParams(ids.map((id) => ["job", id]));
    let answer;
    try {
      const response = await fetch(`${parts.dataset.watched}?${query}`, { headers: { "HX-Request": "true" } });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      // The next request decides.
      return;
    }
    for (const job of answer.jobs) {
      const id = String(job.id);
      const before = known.find((each) => each?.id === id);
      if (page && before) {
        plainTitle = plainTitle.replace(jobTitle, () => job.title);
        jobTitle = job.title;
      }
      if (job.is_live || !before) continue;
      if (!forget && !watched.has(id)) continue;
      watched.delete(id);
      outdated.set(id, before.element);
      end({ id, name: before.name, state: job.outcome });
    }
    show();
  };

  setInterval(() => {
    const isWished = page || "notifies" in parts.dataset;
    if (document.hidden && watched.size && isWished) ask([...watched.keys()]);
  }, HIDDEN_MS);

  // -- the offer of notifications

  const offer = document.querySelector("[data-watch-offer]");
  const isNotifying = () => "notifies" in parts.dataset && Notification.permission === "granted";
  if (offer && "Notification" in window) {
    const refresh = () => {
      offer.hidden = !watched.size || isNotifying() || Notification.permission === "denied";
    };
    document.addEventListener("htmx:afterSettle", refresh);
    offer.addEventListener("submit", async (event) => {
      event.preventDefault();
      if ((await Notification.requestPermission()) === "granted") {
        const answer = await fetch(offer.action, { method: "POST", body: new FormData(offer) });
        if (answer.ok) parts.dataset.notifies = "";
      }
      refresh();
    });
    look();
    refresh();
  } else look();
}
