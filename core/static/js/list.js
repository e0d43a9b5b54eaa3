"use strict";
// What a list does not wait for is asked for when it is shown: the counts of its tabs, how many rows it has, and parts of
// the page that take long to count. Without an answer the page stays as it came.
(function () {
  async function ask(address, accept) {
    try {
      const answer = await fetch(address, { headers: { Accept: accept }, credentials: "same-origin" });
      return answer.ok && !answer.redirected ? answer : null;
    } catch (error) {
      return null;
    }
  }

  async function fillTabs(tabs) {
    const answer = await ask(tabs.dataset.tabCounts, "application/json");
    const told = answer ? await answer.json() : null;
    for (const place of told ? tabs.querySelectorAll("[data-tab]") : []) {
      place.textContent = told[place.dataset.tab] || "";
    }
  }

  async function fillTotal(place) {
    const answer = await ask(place.dataset.total, "application/json");
    if (answer) {
      place.textContent = (await answer.json()).words;
    }
  }

  async function fillPart(place) {
    const answer = await ask(place.dataset.part, "text/html");
    if (answer) {
      place.innerHTML = await answer.text();
    }
    place.removeAttribute("aria-busy");
  }

  document.querySelectorAll("[data-tab-counts]").forEach(fillTabs);
  document.querySelectorAll("[data-total]").forEach(fillTotal);
  document.querySelectorAll("[data-part]").forEach(fillPart);
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
