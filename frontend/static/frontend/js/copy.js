// Copies the text of a field at a click. Without it one selects the text and copies it by hand.
"use strict";
{
  const copy = async (field) => {
    field.select();
    // Browsers have a clipboard for scripts only where the address is https or the machine's own.
    if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
    else if (!document.execCommand("copy")) throw new Error("refused");
  };

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await copy(document.getElementById(button.dataset.copy));
        button.textContent = "Copied";
      } catch {
        // The text is selected: the person's own keys copy it.
        button.textContent = "Press Ctrl+C";
      }
    });
  }
}
