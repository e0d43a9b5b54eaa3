"use strict";
// The panel of photos and files: drag-and-drop, pasting, the phone's camera, progress, removing, and a large view.
// Other scripts may listen to "attachments:added" (detail: the answer's file) and "attachments:removed" on the panel.
(function () {
  const started = new WeakSet();

  function fill(words, name) {
    return words.replace("{name}", name);
  }

  function element(tag, attributes, children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      made.setAttribute(name, value);
    }
    made.append(...(children || []));
    return made;
  }

  function start(panel) {
    if (started.has(panel)) {
      return;
    }
    started.add(panel);
    panel.classList.add("ready");
    for (const form of panel.querySelectorAll("[data-upload]")) {
      startForm(panel, form);
    }
    panel.addEventListener("submit", function (event) {
      if (event.target.matches("[data-upload]")) {
        event.preventDefault();
      }
    });
    panel.addEventListener("click", function (event) {
      const link = event.target.closest("a[data-picture]");
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        show(panel, link);
      }
    });
  }

  function startForm(panel, form) {
    const drop = form.querySelector(".drop");
    const camera = form.querySelector("[data-camera]");
    if (window.matchMedia("(pointer: coarse)").matches) {
      camera.hidden = false;
    }
    form.addEventListener("change", function (event) {
      if (event.target.type === "file") {
        send(panel, form, Array.from(event.target.files));
        event.target.value = "";
      }
    });
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, function (event) {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      drop.addEventListener(name, function () { drop.classList.remove("over"); });
    }
    drop.addEventListener("drop", function (event) {
      event.preventDefault();
      send(panel, form, Array.from(event.dataTransfer.files));
    });
  }

  // A picture that is pasted goes where the focus is, else to the first place of the page.
  document.addEventListener("paste", function (event) {
    const files = Array.from((event.clipboardData && event.clipboardData.files) || []);
    const typing = event.target.closest && event.target.closest("textarea, input:not([type=file]), [contenteditable]");
    if (!files.length || typing) {
      return;
    }
    const slot = event.target.closest && event.target.closest(".attachment-slot");
    const form = (slot || document).querySelector("[data-attachments] [data-upload]") || (slot && slot.querySelector("[data-upload]"));
    if (form) {
      event.preventDefault();
      send(form.closest("[data-attachments]"), form, files);
    }
  });

  async function send(panel, form, files) {
    const words = panel.dataset;
    if (files.length > Number(words.maxFiles)) {
      complain(form, words.wordsMany);
      return;
    }
    // One after the other: a slow connection then finishes some instead of none.
    for (const file of files) {
      if (file.size > Number(words.maxBytes) && !file.type.startsWith("image/")) {
        complain(form, fill(words.wordsLarge, file.name));
      } else {
        await sendOne(panel, form, await made_smaller(file, Number(words.maxBytes)));
      }
    }
  }

  // Photos of recent phones can be larger than what is taken; the server shrinks them to 1600 pixels anyway.
  async function made_smaller(file, limit) {
    if (file.size <= limit || !window.createImageBitmap) {
      return file;
    }
    try {
      const picture = await window.createImageBitmap(file);
      const scale = Math.min(1, 2400 / Math.max(picture.width, picture.height));
      const canvas = element("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise(function (resolve) { canvas.toBlob(resolve, "image/jpeg", 0.9); });
      return blob ? new File([blob], file.name, { type: "image/jpeg" }) : file;
    } catch (error) {
      return file;
    }
  }

  function sendOne(panel, form, file) {
    const words = panel.dataset;
    const bar = element("progress", { max: "100", value: "0" });
    const line = element("div", { class: "line" }, [element("span", {}, [fill(words.wordsProgress, file.name)]), bar]);
    form.querySelector("[data-progress]").append(line);
    const data = new FormData(form);
    data.delete("file");
    data.append("file", file, file.name);
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
        line.remove();
        const answer = request.response;
        if (!answer || !Array.isArray(answer.files)) {
          complain(form, request.status === 413 ? fill(words.wordsLarge, file.name) : fill(words.wordsFailed, file.name));
        } else {
          for (const sentence of answer.errors) {
            complain(form, sentence);
          }
          for (const item of answer.files) {
            add(panel, form, item);
          }
        }
        resolve();
      });
      request.send(data);
    });
  }

  function complain(form, sentence) {
    const close = element("button", { type: "button", "aria-label": form.closest("[data-attachments]").dataset.wordsClose }, ["×"]);
    const note = element("div", { class: "wrong", role: "alert" }, [element("span", {}, [sentence]), close]);
    close.addEventListener("click", function () { note.remove(); });
    form.querySelector("[data-progress]").append(note);
  }

  function add(panel, form, item) {
    const link = item.picture
      ? element("a", { class: "attachment-picture", href: item.url, "data-picture": "" }, [element("img", { src: item.thumbnail, alt: item.caption || item.name })])
      : element("a", { class: "attachment-file", href: item.url }, [element("span", {}, [item.name])]);
    const button = element("button", { class: "attachment-remove", "aria-label": panel.dataset.wordsRemoving + " " + item.name }, ["×"]);
    const token = element("input", { type: "hidden", name: "csrf_token", value: form.elements.csrf_token.value });
    const question = fill(panel.dataset.wordsRemove, item.name);
    const remover = element("form", { method: "post", action: item.remove, "data-confirm": question }, [token, button]);
    const foot = element("div", { class: "attachment-foot" }, [element("span", { title: item.name }, [item.caption || item.name]), remover]);
    form.closest(".attachment-slot").querySelector(".attachment-list").append(element("li", {}, [link, foot]));
    count(panel);
    panel.dispatchEvent(new CustomEvent("attachments:added", { bubbles: true, detail: item }));
  }

  // The heading of the section says how many there are.
  function count(panel) {
    const section = panel.closest(".section");
    const shown = section && section.querySelector("header .n");
    if (shown) {
      shown.textContent = panel.querySelectorAll(".attachment-list li").length;
    }
  }

  // The question before it was asked by site.js, which every page loads.
  async function remove(panel, form) {
    const item = form.closest("li");
    let answer = null;
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      answer = await response.json();
      if (!response.ok) {
        throw new Error((answer.errors || [])[0] || "");
      }
    } catch (error) {
      delete form.dataset.sent;
      const place = item.closest(".attachment-slot").querySelector("[data-upload]");
      complain(place, (answer && answer.errors && answer.errors[0]) || fill(panel.dataset.wordsFailed, ""));
      return;
    }
    const neighbour = item.nextElementSibling || item.previousElementSibling;
    item.remove();
    if (neighbour) {
      neighbour.querySelector("a").focus();
    }
    count(panel);
    panel.dispatchEvent(new CustomEvent("attachments:removed", { bubbles: true }));
  }

  function show(panel, link) {
    const links = Array.from(panel.querySelectorAll("a[data-picture]"));
    let index = links.indexOf(link);
    const words = panel.dataset;
    const picture = element("img", { alt: "" });
    const caption = element("span", {});
    const previous = element("button", { type: "button", "aria-label": words.wordsPrevious }, ["‹"]);
    const next = element("button", { type: "button", "aria-label": words.wordsNext }, ["›"]);
    const close = element("button", { type: "button", "aria-label": words.wordsClose }, ["×"]);
    const shown = element("div", { class: "attachment-shown" }, [picture]);
    const view = element("dialog", { class: "attachment-view" }, [
      shown, element("div", { class: "controls" }, [previous, caption, next, close]),
    ]);
    function turn(step) {
      index = Math.min(links.length - 1, Math.max(0, index + step));
      const small = links[index].querySelector("img");
      picture.src = links[index].href;
      picture.alt = small.alt;
      // What was drawn lies over the photo, which itself stays as it was taken.
      const layer = links[index].parentElement.querySelector("template[data-layer]");
      shown.replaceChildren(picture);
      if (layer) {
        shown.append(layer.content.cloneNode(true));
      }
      caption.textContent = small.alt + " (" + (index + 1) + " / " + links.length + ")";
      previous.disabled = index === 0;
      next.disabled = index === links.length - 1;
    }
    previous.addEventListener("click", function () { turn(-1); });
    next.addEventListener("click", function () { turn(1); });
    close.addEventListener("click", function () { view.close(); });
    view.addEventListener("keydown", function (event) {
      if (event.key === "ArrowLeft") {
        turn(-1);
      } else if (event.key === "ArrowRight") {
        turn(1);
      }
    });
    view.addEventListener("close", function () {
      view.remove();
      links[index].focus();
    });
    document.body.append(view);
    turn(0);
    view.showModal();
  }

  // Here, not on the panel: the question of site.js, which listens on the document too and was loaded first, comes before.
  document.addEventListener("submit", function (event) {
    const panel = event.target.closest("[data-attachments]");
    if (panel && event.target.closest(".attachment-foot") && !event.defaultPrevented) {
      event.preventDefault();
      remove(panel, event.target);
    }
  });

  for (const panel of document.querySelectorAll("[data-attachments]")) {
    start(panel);
  }
}());
