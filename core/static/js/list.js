"use strict";
// The counts of the tabs are asked for when the list is shown, which does not wait for them.
(async function () {
  const tabs = document.querySelector("[data-tab-counts]");
  if (!tabs) {
    return;
  }
  let told = null;
  try {
    const answer = await fetch(tabs.dataset.tabCounts, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    told = answer.ok && !answer.redirected ? await answer.json() : null;
  } catch (error) {
    told = null;
  }
  for (const place of told ? tabs.querySelectorAll("[data-tab]") : []) {
    place.textContent = told[place.dataset.tab] || "";
  }
}());
// Choosing rows of a list: one listener for all of them. Deleting and other actions ask on a page of their own.
(function () {
  const form = document.querySelector("form[data-list]");
  if (!form) {
    return;
  }
  const all = form.querySelector("[data-all]");
  const bar = form.querySelector("[data-chosen]");
  const count = form.querySelector("[data-chosen-count]");
  const boxes = () => Array.from(form.querySelectorAll('td.pick input[type="checkbox"]'));

  function show() {
    const list = boxes();
    const chosen = list.filter((box) => box.checked);
    for (const box of list) {
      box.closest("tr").classList.toggle("picked", box.checked);
    }
    bar.hidden = chosen.length === 0;
    count.textContent = count.dataset.words.replace("{count}", chosen.length);
    all.checked = chosen.length > 0 && chosen.length === list.length;
    all.indeterminate = chosen.length > 0 && chosen.length < list.length;
  }

  form.addEventListener("change", function (event) {
    if (event.target === all) {
      for (const box of boxes()) {
        box.checked = all.checked;
      }
    }
    show();
  });
  form.addEventListener("submit", function (event) {
    if (!boxes().some((box) => box.checked)) {
      event.preventDefault();
      window.alert(form.dataset.none);
    }
  });
  window.addEventListener("pageshow", show);
}());
