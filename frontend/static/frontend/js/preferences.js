// The settings page: offers the browser's own time zone, and asks it for leave to notify when that is switched on.
"use strict";
{
  const zone = document.getElementById("id_zone");
  const suggestion = document.querySelector("[data-zone-suggestion]");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (here && here !== (zone.value || suggestion.dataset.zoneSuggestion)) {
    suggestion.querySelector("[data-zone-name]").textContent = here;
    suggestion.hidden = false;
    suggestion.querySelector("button").addEventListener("click", () => {
      zone.value = here;
      suggestion.hidden = true;
      zone.focus();
    });
  }

  const choice = document.getElementById("id_browser_notices");
  const state = document.querySelector("[data-notice-state]");
  const say = () => {
    let text = "";
    if (!("Notification" in window)) text = "This browser has no notifications.";
    else if (choice.checked && Notification.permission === "denied") {
      text = "This browser does not let Headway notify you. Allow it in the browser's settings of this site.";
    } else if (choice.checked && Notification.permission === "default") {
      text = "This browser has not been asked yet: switch it off and on again, and allow it.";
    }
    state.textContent = text;
    state.hidden = !text;
  };
  choice.addEventListener("change", async () => {
    if (choice.checked && "Notification" in window && Notification.permission === "default") {
      await Notification.requestPermission();
    }
    say();
  });
  say();
}
