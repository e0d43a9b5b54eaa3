"use strict";
// What pages of both kinds share: closing notes, going back, questions before a step, and sending a form once.
(function () {
  document.addEventListener("click", function (event) {
    const close = event.target.closest("[data-close]");
    if (close) {
      close.parentElement.remove();
      return;
    }
    if (event.target.closest("[data-back]")) {
      history.back();
      return;
    }
    // An open menu closes when something else is pressed.
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) {
        menu.open = false;
      }
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") {
      return;
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // The arrow keys walk through an open menu.
  document.addEventListener("keydown", function (event) {
    const menu = event.target.closest && event.target.closest("details.menu[open]");
    if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) {
      return;
    }
    const stops = Array.from(menu.querySelectorAll(".menu-sheet a, .menu-sheet button"));
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = stops.indexOf(document.activeElement) + step;
    if (stops.length) {
      event.preventDefault();
      stops[(next + stops.length) % stops.length].focus();
    }
  });

  // A sheet that would stick out to the right of the page opens to the left of its button.
  document.addEventListener("toggle", function (event) {
    const sheet = event.target.matches("details[open]") && event.target.querySelector(":scope > .menu-sheet.left");
    if (sheet && sheet.getBoundingClientRect().right > document.documentElement.clientWidth) {
      sheet.classList.remove("left");
    }
  }, true);

  document.addEventListener("submit", function (event) {
    const form = event.target;
    const asks = event.submitter && "confirm" in event.submitter.dataset ? event.submitter : form;
    const question = asks.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (form.method !== "post" || event.defaultPrevented) {
      return;
    }
    // A second press while the first is under way would send the form twice.
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    // A download leaves the page where it is; so does coming back to it.
    window.setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  // What was changed since is another sending, for example the same list once more as CSV.
  document.addEventListener("input", function (event) {
    if (event.target.form) {
      delete event.target.form.dataset.sent;
    }
  });
  window.addEventListener("pageshow", function () {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
    }
  });

  const wrong = document.querySelector("[data-focus]");
  if (wrong) {
    wrong.focus();
  }
}());
