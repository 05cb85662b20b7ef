// The form of a pipeline: files dropped on it, the upload's progress, and one submit at a time.
"use strict";
{
  // As core/formatting.py writes sizes.
  const SIZES = ["bytes", "KB", "MB", "GB", "TB", "PB"];
  const inSize = (size) => {
    let unit = 0;
    while (size >= (unit ? 1023.95 : 1024) && unit < SIZES.length - 1) {
      size /= 1024;
      unit += 1;
    }
    if (unit === 0) return `${size.toLocaleString("en")} ${size === 1 ? "byte" : "bytes"}`;
    return `${size >= 100 ? Math.round(size).toLocaleString("en") : size.toFixed(1)} ${SIZES[unit]}`;
  };

  const form = () => document.querySelector("form[data-upload]");
  const part = (name) => form()?.querySelector(`[data-upload-${name}]`);

  // -- which file is chosen

  const show = (input) => {
    const drop = input.closest("[data-drop]");
    if (!drop) return;
    const name = drop.querySelector("[data-drop-name]");
    const facts = drop.querySelector("[data-drop-facts]");
    name.dataset.before ??= name.textContent;
    facts.dataset.before ??= facts.textContent;
    const files = [...input.files];
    if (!files.length) {
      name.textContent = name.dataset.before;
      facts.textContent = facts.dataset.before;
      drop.toggleAttribute("data-filled", Boolean(drop.parentElement.querySelector('input[type="hidden"]')));
      complain(input, "");
      return;
    }
    name.textContent = files.map((file) => file.name).join(", ");
    facts.textContent = `${inSize(files.reduce((sum, file) => sum + file.size, 0))} · choose ${input.multiple ? "others to replace them" : "another to replace it"}`;
    drop.toggleAttribute("data-filled", true);
    complain(input, problemOf(input, files));
  };

  const problemOf = (input, files) => {
    const endings = (input.accept || "").split(",").map((ending) => ending.trim().toLowerCase()).filter(Boolean);
    const stranger = files.find((file) => endings.length && !endings.some((ending) => file.name.toLowerCase().endsWith(ending)));
    if (stranger) return `${stranger.name} is not a file of a kind this takes: ${endings.join(", ")}.`;
    if (files.reduce((sum, file) => sum + file.size, 0) > Number(form().dataset.limit)) {
      const these = files.length === 1 ? "This file is" : "These files together are";
      return `${these} larger than ${form().dataset.limitText}, the most that is accepted here.`;
    }
    return "";
  };

  const complain = (input, sentence) => {
    const errors = input.closest("[data-field]").querySelector(".field-errors");
    errors.replaceChildren();
    if (sentence) {
      const line = document.createElement("p");
      line.textContent = sentence;
      errors.append(line);
      input.setAttribute("aria-invalid", "true");
    } else {
      input.removeAttribute("aria-invalid");
    }
  };

  document.addEventListener("change", (event) => {
    if (event.target.matches('input[type="file"]')) show(event.target);
  });

  // -- drag and drop: on the zone, or anywhere on the page when there is one zone only

  const zoneOf = (event) => {
    const zones = document.querySelectorAll("[data-drop]");
    return event.target.closest?.("[data-drop]") ?? (zones.length === 1 ? zones[0] : null);
  };
  const mark = (zone) => {
    for (const each of document.querySelectorAll("[data-drop]")) each.toggleAttribute("data-over", each === zone);
  };
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(zoneOf(event));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(null);
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(null);
    const input = zoneOf(event)?.querySelector('input[type="file"]');
    if (!input || !event.dataTransfer.files.length) return;
    const chosen = new DataTransfer();
    const files = [...event.dataTransfer.files];
    for (const file of input.multiple ? files : files.slice(0, 1)) chosen.items.add(file);
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // -- one submit at a time, with its progress

  let isSending = false;
  let isAnswered = false;
  const showSending = (sending) => {
    isSending = sending;
    isAnswered = false;
    const progress = part("progress");
    if (!progress) return;
    const hasFile = [...form().querySelectorAll('input[type="file"]')].some((input) => input.files.length);
    progress.hidden = !(sending && hasFile);
    part("stop").hidden = !(sending && hasFile);
    form().querySelector("[data-leave]").hidden = sending;
    if (sending) showUploaded(0, 0);
  };
  const showUploaded = (loaded, total) => {
    const bar = part("progress").querySelector("progress");
    const share = total ? (100 * loaded) / total : 0;
    const isDone = total > 0 && loaded >= total;
    if (isDone) bar.removeAttribute("value");
    else bar.value = share;
    part("label").textContent = isDone ? "Uploaded. Storing it safely" : "Uploading";
    part("percent").textContent = isDone ? "" : `${Math.floor(share)}%`;
    part("numbers").textContent = total ? `${inSize(loaded)} of ${inSize(total)}` : "";
  };

  document.addEventListener("htmx:confirm", (event) => {
    if (event.detail.elt !== form()) return;
    const wrong = form().querySelector('input[type="file"][aria-invalid="true"]');
    // The server would refuse it after the whole upload.
    if (isSending || (wrong && wrong.files.length && problemOf(wrong, [...wrong.files]))) {
      event.preventDefault();
      wrong?.focus();
    }
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt === form()) {
      document.getElementById("refusal")?.replaceChildren();
      showSending(true);
    }
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    // Comes before htmx follows the answer to the job's page.
    if (event.detail.elt === form()) isAnswered = true;
  });
  document.addEventListener("htmx:xhr:progress", (event) => {
    // The way up comes with a length; the answer's way down is no upload.
    if (event.detail.elt === form() || event.target === form()) {
      if (isSending && event.detail.lengthComputable) showUploaded(event.detail.loaded, event.detail.total);
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    // The form that asked: by now another may stand in its place.
    if (!event.detail.requestConfig.elt.matches("form[data-upload]")) return;
    // On the way to the job's page the button stays off.
    if (!event.detail.xhr.getResponseHeader("HX-Redirect")) showSending(false);
  });

  const refuse = (sentence) => {
    const line = document.createElement("p");
    line.className = "notice";
    line.dataset.tone = "error";
    line.textContent = sentence;
    const place = document.getElementById("refusal");
    place.replaceChildren(line);
    place.scrollIntoView({ block: "center" });
  };
  const ofForm = (event) => event.detail.elt?.matches?.("form[data-upload]");
  document.addEventListener("htmx:sendError", (event) => {
    if (ofForm(event)) refuse("The connection broke off before everything was sent, so nothing was stored. Check it and press Start again: the same form makes one job only.");
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (ofForm(event)) refuse(`The server answered ${event.detail.xhr.status}, so nothing may have been stored. Press Start again: the same form makes one job only.`);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-upload-stop]")) return;
    htmx.trigger(form(), "htmx:abort");
    showSending(false);
  });

  // -- who leaves while a file is on its way is asked first

  window.addEventListener("beforeunload", (event) => {
    if (isSending && !part("progress").hidden && !isAnswered) event.preventDefault();
  });

  // -- a page that comes back from the browser's memory begins a new job, not the one it made

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
    for (const input of document.querySelectorAll('input[type="file"]')) if (input.files.length) show(input);
  });
}
