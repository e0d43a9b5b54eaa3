"use strict";
// Forms of records: references that are chosen by typing, and a warning before typed text is left behind.
(function () {
  const DELAY = 180;

  class ReferenceField {
    constructor(box) {
      this.box = box;
      this.text = box.querySelector(".ref-text");
      this.list = box.querySelector(".ref-list");
      this.many = box.dataset.many === "1";
      this.timer = 0;
      this.request = 0;
      this.current = -1;
      this.text.addEventListener("input", () => this.later());
      this.text.addEventListener("focus", () => this.later());
      this.text.addEventListener("keydown", (event) => this.key(event));
      this.text.addEventListener("blur", () => window.setTimeout(() => this.close(), 150));
      this.list.addEventListener("mousedown", (event) => {
        event.preventDefault();
        const option = event.target.closest("[role=option]");
        if (option) {
          this.choose(option);
        }
      });
      box.addEventListener("click", (event) => {
        const clear = event.target.closest(".ref-clear");
        if (clear) {
          clear.parentElement.remove();
          this.text.focus();
          this.changed();
        }
      });
    }

    parent() {
      const name = this.box.dataset.depends;
      const input = name && this.box.closest("form").querySelector(`[name="${name}"]`);
      return input ? input.value : "";
    }

    later() {
      window.clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.ask(), DELAY);
    }

    async ask() {
      const number = ++this.request;
      const url = new URL(this.box.dataset.lookup, window.location.href);
      url.searchParams.set("query", this.text.value);
      url.searchParams.set("parent", this.parent());
      let found = [];
      try {
        const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        found = answer.ok ? await answer.json() : [];
      } catch (error) {
        found = [];
      }
      if (number === this.request && document.activeElement === this.text) {
        this.show(found);
      }
    }

    show(found) {
      this.list.replaceChildren();
      this.current = -1;
      found.forEach((each, index) => {
        const option = document.createElement("li");
        option.setAttribute("role", "option");
        option.id = `${this.list.id}-${index}`;
        option.dataset.id = each.id;
        option.textContent = each.text;
        this.list.append(option);
      });
      if (!found.length) {
        const none = document.createElement("li");
        none.className = "ref-none";
        none.textContent = this.box.dataset.none;
        this.list.append(none);
      }
      this.list.hidden = false;
      this.text.setAttribute("aria-expanded", "true");
    }

    close() {
      this.list.hidden = true;
      this.text.setAttribute("aria-expanded", "false");
      this.text.removeAttribute("aria-activedescendant");
      this.text.value = "";
    }

    key(event) {
      const options = Array.from(this.list.querySelectorAll("[role=option]"));
      if (event.key === "Escape") {
        this.close();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (this.list.hidden) {
          this.later();
          return;
        }
        if (!options.length) {
          return;
        }
        const step = event.key === "ArrowDown" ? 1 : -1;
        this.current = (this.current + step + options.length) % options.length;
        options.forEach((option, index) => option.setAttribute("aria-selected", String(index === this.current)));
        options[this.current].scrollIntoView({ block: "nearest" });
        this.text.setAttribute("aria-activedescendant", options[this.current].id);
      } else if (event.key === "Enter" && !this.list.hidden) {
        event.preventDefault();
        const option = options[this.current] || (options.length === 1 ? options[0] : null);
        if (option) {
          this.choose(option);
        }
      } else if (event.key === "Backspace" && !this.text.value) {
        const chosen = this.box.querySelectorAll(".ref-chosen");
        if (chosen.length) {
          chosen[chosen.length - 1].remove();
          this.changed();
        }
      }
    }

    choose(option) {
      const present = Array.from(this.box.querySelectorAll(".ref-chosen"));
      if (!this.many) {
        present.forEach((each) => each.remove());
      } else if (present.some((each) => each.dataset.id === option.dataset.id)) {
        this.close();
        return;
      }
      const chosen = document.createElement("span");
      chosen.className = "ref-chosen";
      chosen.dataset.id = option.dataset.id;
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = this.box.dataset.name;
      input.value = option.dataset.id;
      const clear = document.createElement("button");
      clear.type = "button";
      clear.className = "ref-clear";
      clear.setAttribute("aria-label", this.box.dataset.remove);
      clear.textContent = "×";
      chosen.append(option.textContent, input, clear);
      this.box.insertBefore(chosen, this.text);
      this.close();
      this.changed();
    }

    changed() {
      const form = this.box.closest("form");
      form.dispatchEvent(new Event("change", { bubbles: true }));
      // What depends on this field no longer fits.
      for (const other of form.querySelectorAll(`.ref[data-depends="${this.box.dataset.name}"] .ref-chosen`)) {
        other.remove();
      }
    }
  }

  for (const box of document.querySelectorAll(".ref")) {
    new ReferenceField(box);
  }

  const form = document.querySelector("form[data-record-form]");
  if (form) {
    let typed = false;
    form.addEventListener("input", () => { typed = true; });
    form.addEventListener("change", () => { typed = true; });
    form.addEventListener("submit", () => { typed = false; });
    window.addEventListener("beforeunload", function (event) {
      if (typed) {
        event.preventDefault();
      }
    });
  }
}());
