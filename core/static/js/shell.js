"use strict";
// The back office: the sidebar as a drawer, the global search, and the warning before typed text is lost.
(function () {
  const root = document.documentElement;
  const side = document.getElementById("side");
  const opener = document.querySelector("[data-side-open]");
  const narrow = window.matchMedia("(max-width: 860px)");

  function showSide(open) {
    if (!side || !opener) {
      return;
    }
    root.classList.toggle("side-open", open && narrow.matches);
    opener.setAttribute("aria-expanded", String(open && narrow.matches));
    if (open && narrow.matches) {
      side.querySelector("a, button").focus();
    }
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-side-open]")) {
      showSide(true);
    } else if (event.target.closest("[data-side-close]")) {
      showSide(false);
      opener.focus();
    }
  });
  document.addEventListener("keydown", function (event) {
    if (!root.classList.contains("side-open")) {
      return;
    }
    if (event.key === "Escape") {
      showSide(false);
      opener.focus();
    } else if (event.key === "Tab") {
      const stops = Array.from(side.querySelectorAll("a, button"));
      const first = stops[0];
      const last = stops[stops.length - 1];
      if (event.shiftKey && document.activeElement === first) {
        event.preventDefault();
        last.focus();
      } else if (!event.shiftKey && document.activeElement === last) {
        event.preventDefault();
        first.focus();
      }
    }
  });
  narrow.addEventListener("change", function () { showSide(false); });

  // The current link is in sight, however long the sidebar is.
  const current = side && side.querySelector("[aria-current]");
  const inner = side && side.querySelector(".side-inner");
  if (current && inner && current.offsetTop > inner.clientHeight - 60) {
    inner.scrollTop = current.offsetTop - inner.clientHeight / 2;
  }

  const form = document.querySelector("[data-find]");
  if (form) {
    search(form);
  }

  // The counts are asked for when the page is shown; those of the page before serve for a few seconds, unless a form
  // was sent since, which may have changed them.
  const top = document.querySelector("[data-counts]");
  const bell = document.querySelector("[data-bell]");
  const COUNTS = "counts";
  const COUNTS_MS = 15000;
  const BELL_MS = 8000;
  if (top) {
    document.addEventListener("submit", function () {
      try {
        sessionStorage.removeItem(COUNTS);
      } catch (error) {
        // Nothing was kept.
      }
    });
    count();
  }

  function number(place, value) {
    place.textContent = value < 100 ? String(value) : "99+";
    place.hidden = !value;
  }

  async function count() {
    let told = null;
    try {
      const kept = JSON.parse(sessionStorage.getItem(COUNTS) || "null");
      if (kept && kept.reader === top.dataset.reader && Date.now() - kept.at < COUNTS_MS && Date.now() >= kept.at) {
        told = kept.told;
      }
    } catch (error) {
      told = null;
    }
    if (!told) {
      try {
        const answer = await fetch(top.dataset.counts, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        told = answer.ok && !answer.redirected ? await answer.json() : null;
      } catch (error) {
        told = null;
      }
      if (!told) {
        return;
      }
      try {
        sessionStorage.setItem(COUNTS, JSON.stringify({ reader: top.dataset.reader, at: Date.now(), told: told }));
      } catch (error) {
        // A browser that keeps nothing asks again on the next page.
      }
    }
    for (const place of document.querySelectorAll("[data-count]")) {
      place.textContent = told.links[place.dataset.count] || "";
      place.hidden = !place.textContent;
    }
    const work = top.querySelector(".top-work");
    if (work && told.work) {
      number(work.querySelector(".n"), told.work.due);
      work.classList.toggle("late", told.work.overdue > 0);
      work.title = told.work.title;
    }
    if (bell) {
      ring(told.bell);
    }
  }

  // While jobs of the user are at work, the bell asks now and then whether one has ended.
  function ring(told) {
    const button = bell.querySelector("button");
    const words = told.ended ? bell.dataset.some : bell.dataset.none;
    bell.classList.toggle("rings", told.ended > 0);
    number(bell.querySelector(".n"), told.ended);
    button.title = words;
    button.setAttribute("aria-label", words);
    if (told.active) {
      window.setTimeout(askBell, BELL_MS);
    }
  }

  async function askBell() {
    let told = null;
    if (!document.hidden) {
      try {
        const answer = await fetch(bell.dataset.bell, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        told = answer.ok ? await answer.json() : null;
      } catch (error) {
        told = null;
      }
    }
    if (told) {
      ring(told);
    } else {
      window.setTimeout(askBell, BELL_MS);
    }
  }

  function search(form) {
    const field = form.querySelector("input[type=search]");
    const list = form.querySelector(".find-hits");
    let timer = 0;
    let request = null;
    let active = -1;

    function links() {
      return Array.from(list.querySelectorAll("a"));
    }
    function show(open) {
      list.hidden = !open;
      field.setAttribute("aria-expanded", String(open));
      if (!open) {
        mark(-1);
      }
    }
    function mark(index) {
      active = index;
      links().forEach(function (link, position) {
        link.classList.toggle("on", position === index);
        link.setAttribute("aria-selected", String(position === index));
        if (position === index) {
          link.scrollIntoView({ block: "nearest" });
        }
      });
      if (index < 0) {
        field.removeAttribute("aria-activedescendant");
      } else {
        field.setAttribute("aria-activedescendant", links()[index].id);
      }
    }
    function element(name, text, className) {
      const made = document.createElement(name);
      made.textContent = text;
      if (className) {
        made.className = className;
      }
      return made;
    }
    function link(url, title, detail, className) {
      const made = element("a", title, className);
      made.href = url;
      made.setAttribute("role", "option");
      made.tabIndex = -1;
      if (detail) {
        made.append(element("small", detail));
      }
      return made;
    }
    function say(text) {
      list.replaceChildren(element("p", text));
      show(true);
    }
    function fill(answer) {
      list.replaceChildren();
      for (const group of answer.groups) {
        list.append(element("h3", group.label));
        for (const hit of group.hits) {
          list.append(link(hit.url, hit.title, hit.detail));
        }
      }
      if (!answer.groups.length) {
        say(form.dataset.none);
        return;
      }
      list.append(link(answer.all_url, form.dataset.all, "", "all"));
      links().forEach(function (each, position) { each.id = "find-hit-" + position; });
      show(true);
      mark(-1);
    }
    function ask() {
      const text = field.value.trim();
      if (request) {
        request.abort();
        request = null;
      }
      if (!text) {
        show(false);
        return;
      }
      const mine = new AbortController();
      request = mine;
      const address = form.dataset.find + "?" + new URLSearchParams({ q: text });
      fetch(address, { signal: mine.signal, headers: { Accept: "application/json" } })
        .then(function (response) {
          // After the session has ended the answer is the sign-in page.
          if (!response.ok || response.redirected) {
            throw new Error("no answer");
          }
          return response.json();
        })
        .then(fill)
        .catch(function (error) {
          if (error.name !== "AbortError") {
            say(form.dataset.failed);
          }
        });
    }

    field.addEventListener("input", function () {
      window.clearTimeout(timer);
      timer = window.setTimeout(ask, 180);
    });
    field.addEventListener("focus", function () {
      if (field.value.trim() && list.childElementCount) {
        show(true);
      }
    });
    field.addEventListener("keydown", function (event) {
      if (event.isComposing) {
        return;
      }
      const count = links().length;
      if (event.key === "Escape") {
        if (list.hidden) {
          field.blur();
        }
        show(false);
        event.preventDefault();
      } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count && !list.hidden) {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        mark(active < 0 && step < 0 ? count - 1 : (active + step + count) % count);
      } else if (event.key === "Enter" && active >= 0) {
        event.preventDefault();
        window.location.assign(links()[active].href);
      }
    });
    form.addEventListener("submit", function (event) {
      if (!field.value.trim()) {
        event.preventDefault();
      }
    });
    document.addEventListener("click", function (event) {
      if (!form.contains(event.target)) {
        show(false);
      }
    });
    document.addEventListener("keydown", function (event) {
      const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    });
  }

  // Leaving a form with changes asks first.
  let changed = false;
  document.addEventListener("input", function (event) {
    if (event.target.closest("form.admin-form, form[data-guard]")) {
      changed = true;
    }
  });
  document.addEventListener("submit", function (event) {
    if (!event.defaultPrevented) {
      changed = false;
    }
  });
  window.addEventListener("beforeunload", function (event) {
    if (changed) {
      event.preventDefault();
    }
  });
}());
