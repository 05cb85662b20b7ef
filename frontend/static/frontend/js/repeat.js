// "Repeat this": an often used cron at a click. Without it the field offers the same ones while one types.
"use strict";
{
  document.addEventListener("click", (event) => {
    const preset = event.target.closest?.("[data-cron]");
    const cron = preset?.form?.elements["repeat-cron"];
    if (!cron) return;
    cron.value = preset.dataset.cron;
    cron.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
