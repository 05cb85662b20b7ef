// Keeps "5 min ago" right, and lets the time of what is running tick between two answers of the server.
"use strict";
{
  const started = new WeakMap();

  const inRelation = (element) => {
    const moment = Date.parse(element.dateTime);
    const seconds = (Date.now() - moment) / 1000;
    const distance = Math.abs(seconds);
    const isDue = element.dataset.relative === "due";
    if (isDue && seconds >= 0) return "any moment";
    if (distance >= 30 * 86400) return null;
    // What is to come is not "just now", however near.
    if (distance < 10) return isDue ? `in ${Math.ceil(distance)} s` : "just now";
    // What is to come is never said to be nearer than it is.
    const whole = seconds > 0 ? Math.floor : Math.ceil;
    let text;
    if (distance < 60) text = `${whole(distance)} s`;
    else if (distance < 3600) text = `${whole(distance / 60)} min`;
    else if (distance < 86400) text = `${whole(distance / 3600)} h`;
    else text = distance < 2 * 86400 ? "1 day" : `${whole(distance / 86400)} days`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  };

  const inWords = (seconds) => {
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    const two = (number) => String(number).padStart(2, "0");
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
    if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
    return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
  };

  const say = (element, text) => {
    if (text !== null && element.textContent !== text) element.textContent = text;
  };

  const tick = () => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll(".headway [data-ticking]")) {
      // Counted from when it came, so that the clocks of server and browser need not agree.
      if (!started.has(element)) started.set(element, performance.now());
      const seconds = Number(element.dataset.ticking) + (performance.now() - started.get(element)) / 1000;
      say(element, inWords(seconds));
    }
    for (const element of document.querySelectorAll(".headway time[data-relative]")) say(element, inRelation(element));
  };

  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
}
