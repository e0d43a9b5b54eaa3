"use strict";
// A photo is sent as soon as it was taken; without this script a button does it.
(function () {
  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.matches("[data-send-at-once]") && field.files.length) {
      field.closest("form").setAttribute("aria-busy", "true");
      field.form.requestSubmit();
    }
  });
})();
