"use strict";
// The inspection on a phone: each tap is sent at once, and the head says honestly what is saved and what is not yet.
// Without this script the same forms are posted and the page comes back.
(function () {
  const badge = document.querySelector("[data-net]");
  const queue = new Map();
  const PAUSE = 4000;
  let busy = false;
  let timer = 0;

  function show(state, count) {
    if (!badge) {
      return;
    }
    const words = badge.dataset;
    const text = { saved: words.saved, saving: words.saving, refused: words.refused, waiting: words.waiting.replace("{count}", String(count)) };
    badge.textContent = text[state];
    badge.className = "net " + ({ saved: "ok", refused: "late" }[state] || "");
  }

  function refresh() {
    if (queue.size) {
      show(busy ? "saving" : "waiting", queue.size);
    } else {
      show(document.querySelector(".item.refused") ? "refused" : "saved", 0);
    }
  }

  function say(item, text, again) {
    let line = item.querySelector(":scope > .said");
    if (!line) {
      line = document.createElement("p");
      line.className = "said";
      line.setAttribute("role", "alert");
      item.append(line);
    }
    line.textContent = text;
    if (again) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "↻";
      button.addEventListener("click", again);
      line.append(button);
    }
  }

  // Only the newest state of an item is kept: a second tap replaces a first one that was not sent yet.
  function put(form, fields) {
    const item = form.closest(".item");
    queue.set(item.id, { url: form.action, fields: fields });
    item.classList.add("unsaved");
    item.classList.remove("refused");
    refresh();
    work();
  }

  async function work() {
    if (busy || !queue.size) {
      return;
    }
    busy = true;
    window.clearTimeout(timer);
    while (queue.size) {
      const [id, job] = queue.entries().next().value;
      refresh();
      if (!(await send(id, job))) {
        timer = window.setTimeout(work, PAUSE);
        break;
      }
    }
    busy = false;
    refresh();
  }

  // True when the server has answered, whatever it said; false when it could not be reached.
  async function send(id, job) {
    const item = document.getElementById(id);
    let answer = null;
    let response = null;
    try {
      response = await fetch(job.url, { method: "POST", body: job.fields, headers: { Accept: "application/json" }, credentials: "same-origin" });
      const isJson = (response.headers.get("Content-Type") || "").includes("json");
      if (!isJson) {
        throw new Error("no answer");
      }
      answer = await response.json();
    } catch (error) {
      if (response && (response.redirected || response.status === 401 || response.status === 403 || response.status === 400)) {
        queue.delete(id);
        item.classList.add("refused");
        say(item, badge.dataset.signedOut, function () { again(id, job); });
        return true;
      }
      say(item, badge.dataset.offline, work);
      return false;
    }
    if (queue.get(id) === job) {
      queue.delete(id);
    }
    if (answer.html && !queue.has(id)) {
      replace(item, answer);
    } else if (queue.has(id) && answer.html) {
      // Tapped again meanwhile: the waiting answer speaks of the version that is saved now.
      adopt(queue.get(id), answer.html);
    }
    if (answer.rooms) {
      count(answer);
    }
    const shown = document.getElementById(id);
    if (answer.message) {
      shown.classList.remove("unsaved");
      shown.classList.add("refused");
      say(shown, answer.message);
    }
    return true;
  }

  function again(id, job) {
    queue.set(id, job);
    work();
  }

  function fragment(html) {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    return template.content.firstElementChild;
  }

  function adopt(job, html) {
    const version = fragment(html).querySelector("input[name=row_version]");
    if (version) {
      job.fields.set("row_version", version.value);
    }
  }

  function replace(item, answer) {
    const fresh = fragment(answer.html);
    const active = document.activeElement;
    const focused = item.contains(active) && active.name ? [active.name, active.value] : null;
    // Where a finger or a keyboard is, it stays.
    const open = Array.from(item.querySelectorAll("details[open]")).map(function (each) { return each.className; });
    item.replaceWith(fresh);
    for (const name of open) {
      const details = name && fresh.querySelector("details." + name.split(" ").join("."));
      if (details) {
        details.open = true;
      }
    }
    if (focused) {
      const same = Array.from(fresh.querySelectorAll("[name]")).find(function (each) {
        return each.name === focused[0] && (each.tagName !== "BUTTON" || each.value === focused[1]);
      });
      if (same) {
        same.focus({ preventScroll: true });
      }
    }
    // A new defect wants its photo: bring it into view.
    const defect = fresh.querySelector("[data-defect]");
    if (defect && !item.querySelector("[data-defect]")) {
      defect.scrollIntoView({ block: "nearest", behavior: "smooth" });
    }
  }

  function count(answer) {
    for (const [room, numbers] of Object.entries(answer.rooms)) {
      const chip = document.querySelector("[data-room='" + CSS.escape(room) + "']");
      if (chip) {
        chip.querySelector("span").textContent = numbers[0] + "/" + numbers[1];
        chip.classList.toggle("done", numbers[0] === numbers[1]);
      }
    }
    document.querySelector("[data-done]").textContent = answer.done + " / " + answer.total;
    document.querySelector("[data-defects]").textContent = answer.defects;
    const next = document.querySelector("[data-next]");
    next.textContent = answer.next.label;
    next.href = answer.next.url;
  }

  // Before site.js sees it: a form that is sent by fetch may be sent again at once.
  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (form.matches("[data-save]")) {
      event.preventDefault();
      event.stopPropagation();
      const fields = new FormData(form);
      const verdict = event.submitter ? event.submitter.value : form.dataset.verdict;
      fields.set("verdict", verdict);
      form.dataset.verdict = verdict;
      for (const button of form.querySelectorAll("button[name=verdict]")) {
        button.setAttribute("aria-pressed", String(button.value === verdict));
        button.classList.toggle({ pass: "y", fail: "n", na: "c" }[button.value], button.value === verdict);
      }
      put(form, fields);
    } else if (form.matches("[data-save-defect]")) {
      event.preventDefault();
      event.stopPropagation();
      saveDefect(form);
    } else if (form.matches("[data-step]")) {
      event.preventDefault();
      event.stopPropagation();
      step(form, event.submitter);
    } else if (form.matches("[data-photo-form]")) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);

  // A measured value or a remark is saved when it is left; the verdict stays as it is.
  document.addEventListener("change", function (event) {
    const field = event.target;
    if (field.matches("[data-photo-input]")) {
      photos(field.closest("[data-photo-form]"), Array.from(field.files));
      field.value = "";
      return;
    }
    const form = field.closest("form[data-save]");
    if (!form) {
      return;
    }
    if (field.dataset.low !== undefined) {
      mark(field);
    }
    const fields = new FormData(form);
    fields.set("verdict", form.dataset.verdict);
    put(form, fields);
  });

  function mark(field) {
    const value = Number(field.value.normalize("NFKC"));
    const low = field.dataset.low;
    const high = field.dataset.high;
    const outside = field.value.trim() !== "" && ((low !== "" && value < Number(low)) || (high !== "" && value > Number(high)));
    field.classList.toggle("outside", outside);
  }
  for (const field of document.querySelectorAll("input[data-low]")) {
    mark(field);
  }

  async function saveDefect(form) {
    const part = form.closest("[data-defect]");
    const item = form.closest(".item");
    show("saving", 1);
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, credentials: "same-origin" });
      const answer = await response.json();
      if (answer.html) {
        part.replaceWith(fragment(answer.html));
        item.classList.remove("refused");
        const said = item.querySelector(":scope > .said");
        if (said) {
          said.remove();
        }
      } else {
        item.classList.add("refused");
        say(item, answer.message);
      }
    } catch (error) {
      item.classList.add("refused");
      say(item, badge.dataset.offline, function () { saveDefect(form); });
    }
    refresh();
  }

  // A step changes the whole page. What is refused is said where it was tapped, and what was typed stays.
  async function step(form, submitter) {
    const item = form.closest(".item");
    if (form.dataset.busy) {
      return;
    }
    form.dataset.busy = "1";
    const fields = new FormData(form);
    if (submitter && submitter.name) {
      fields.set(submitter.name, submitter.value);
    }
    show("saving", 1);
    let refusal = badge.dataset.notSent;
    try {
      const response = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (response.redirected && new URL(response.url).pathname === window.location.pathname) {
        window.location.replace(response.url);
        return;
      }
      refusal = badge.dataset.signedOut;
      refusal = (await response.json()).message;
    } catch (error) {
      // The sentence for it is chosen above.
    }
    delete form.dataset.busy;
    item.classList.add("refused");
    say(item, refusal);
    refresh();
  }

  async function photos(form, files) {
    const part = form.closest("[data-defect]");
    const progress = part.querySelector("[data-photo-progress]");
    form.setAttribute("aria-busy", "true");
    // One after the other: a slow connection then finishes some instead of none.
    for (const file of files) {
      await photo(form, part, progress, file);
    }
    form.removeAttribute("aria-busy");
  }

  function photo(form, part, progress, file) {
    const line = document.createElement("div");
    const bar = document.createElement("progress");
    bar.max = 100;
    line.append(document.createTextNode(file.name), bar);
    progress.append(line);
    const data = new FormData(form);
    data.delete("file");
    return shrink(file).then(function (smaller) {
      data.append("file", smaller, file.name);
      return new Promise(function (resolve) {
        const request = new XMLHttpRequest();
        request.open("POST", form.action);
        request.setRequestHeader("Accept", "application/json");
        request.responseType = "json";
        request.upload.addEventListener("progress", function (event) {
          if (event.lengthComputable) {
            bar.value = Math.round((event.loaded / event.total) * 100);
          }
        });
        request.addEventListener("loadend", function () {
          const answer = request.response;
          line.remove();
          if (answer && Array.isArray(answer.files) && answer.files.length) {
            answer.files.forEach(function (each) { add(form, each); });
            const missing = part.querySelector("[data-photo-missing]");
            if (missing) {
              missing.hidden = true;
            }
          } else {
            wrong(progress, form, file, answer);
          }
          resolve();
        });
        request.send(data);
      });
    });
  }

  function add(form, each) {
    const link = document.createElement("a");
    const picture = document.createElement("img");
    // A touch on the photo leads to the tools to draw on it, and back here.
    link.href = each.markup ? each.markup + "?url=" + encodeURIComponent(window.location.pathname + window.location.search) : each.url;
    picture.src = each.thumbnail || each.url;
    picture.alt = each.name;
    link.append(picture);
    form.before(link);
  }

  // The photo is kept in memory until it is sent; the page asks before it is left.
  function wrong(progress, form, file, answer) {
    const line = document.createElement("p");
    line.className = "wrong";
    line.dataset.unsent = "1";
    const text = answer && answer.errors && answer.errors[0] ? answer.errors[0] : (badge ? badge.dataset.offline : "");
    line.textContent = file.name + ": " + text + " ";
    const retry = document.createElement("button");
    retry.type = "button";
    retry.textContent = "↻";
    retry.className = "btn small";
    retry.addEventListener("click", function () {
      line.remove();
      photos(form, [file]);
    });
    line.append(retry);
    progress.append(line);
  }

  // The server takes 10 MB and shrinks; a smaller file is sent as it is, with the time that the camera wrote into it.
  async function shrink(file) {
    if (!window.createImageBitmap || file.size < 9500000) {
      return file;
    }
    try {
      const picture = await window.createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, 2000 / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise(function (resolve) { canvas.toBlob(resolve, "image/jpeg", 0.88); });
      return blob && blob.size < file.size ? blob : file;
    } catch (error) {
      return file;
    }
  }

  window.addEventListener("online", work);
  window.addEventListener("beforeunload", function (event) {
    if (queue.size || document.querySelector("[data-unsent], [data-photo-form][aria-busy]")) {
      event.preventDefault();
    }
  });

  const current = document.querySelector(".rooms .on");
  if (current) {
    current.scrollIntoView({ block: "nearest", inline: "center" });
  }
}());
