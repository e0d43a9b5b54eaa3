"use strict";
// A photo is sent as soon as it was taken; without this script a button does it. What was typed meanwhile, or what was
// refused, comes back after the page was loaded anew: it waits in this tab, for as long as the answer takes.
(function () {
  const STORE = "warranty-typed:" + location.pathname;
  const FIELDS = "textarea[name], select[name], input[name]:not([type=hidden], [type=file], [type=submit])";

  function fields() {
    return Array.from(document.querySelectorAll("form[method=post]")).flatMap(function (form) {
      return Array.from(form.querySelectorAll(FIELDS), function (field) {
        return [form.id + "/" + field.name + (field.type === "radio" || field.type === "checkbox" ? "/" + field.value : ""), field];
      });
    });
  }

  function keep(reason) {
    const typed = {};
    for (const [name, field] of fields()) {
      const tick = field.type === "radio" || field.type === "checkbox";
      if (tick ? field.checked !== field.defaultChecked : field.value !== (field.defaultValue ?? "")) {
        typed[name] = tick ? field.checked : field.value;
      }
    }
    try {
      sessionStorage.setItem(STORE, JSON.stringify({ reason: reason, typed: typed }));
    } catch (error) {
      // A browser that stores nothing loses what was typed, as it did before.
    }
  }

  function bringBack() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem(STORE));
      sessionStorage.removeItem(STORE);
    } catch (error) {
      return;
    }
    if (!kept || !(kept.reason === "photo" || document.querySelector(".note.late"))) {
      return;
    }
    for (const [name, field] of fields()) {
      if (name in kept.typed) {
        if (typeof kept.typed[name] === "boolean") {
          field.checked = kept.typed[name];
        } else {
          field.value = kept.typed[name];
        }
        const menu = field.closest("details");
        if (menu) {
          menu.open = true;
        }
      }
    }
  }

  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.matches("[data-send-at-once]") && field.files.length) {
      field.closest("form").setAttribute("aria-busy", "true");
      field.form.requestSubmit();
    }
  });
  document.addEventListener("submit", function (event) {
    if (!event.defaultPrevented) {
      keep(event.target.matches("form.add") ? "photo" : "step");
    }
  });
  bringBack();
})();
