// Choosing rows of a list: how many are selected, and a box that selects them all. Without it the list of what to act on does.
"use strict";
{
  const boxesOf = (form) => [...form.querySelectorAll('input[type="checkbox"][name="job"]')];

  const show = (form) => {
    const boxes = boxesOf(form);
    const count = boxes.filter((box) => box.checked).length;
    const option = form.querySelector("[data-choice-selected]");
    option.textContent = count === 1 ? "The selected job" : `The ${count} selected jobs`;
    if (!count) option.textContent = "The selected jobs (none)";
    const all = form.querySelector("[data-choose-all]");
    if (all) {
      all.checked = count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
  };

  const begin = () => {
    for (const form of document.querySelectorAll("[data-chooser]")) {
      const head = form.querySelector("thead .choice-cell");
      if (head && !head.querySelector("input")) {
        const all = document.createElement("input");
        all.type = "checkbox";
        all.className = "choice-box";
        all.autocomplete = "off";
        all.setAttribute("aria-label", "Select all on this page");
        all.setAttribute("data-choose-all", "");
        head.replaceChildren(all);
      }
      show(form);
    }
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("[data-chooser]");
    if (!form) return;
    if (event.target.matches("[data-choose-all]")) {
      for (const box of boxesOf(form)) box.checked = event.target.checked;
    }
    if (event.target.matches('input[type="checkbox"]')) {
      // Who ticks a box means the ticked ones.
      form.querySelector("[data-choice-scope]").value = "selected";
    }
    show(form);
  });
  document.addEventListener("htmx:afterSwap", begin);
  window.addEventListener("pageshow", begin);
  begin();
}
