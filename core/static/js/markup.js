"use strict";
// Drawing over a photo with a thumb: arrows, circles and words; each can be chosen again, moved and taken away. The photo
// stays as it is: only the shapes, in coordinates from 0 to 1, are sent.
(function () {
  const form = document.querySelector("[data-markup]");
  if (!form) {
    return;
  }
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const field = form.querySelector("[data-shapes]");
  const stage = form.querySelector("[data-stage]");
  const layer = form.querySelector("[data-drawing]");
  const words = form.querySelector("[data-words]");
  const wordsBar = form.querySelector("[data-words-bar]");
  const undo = form.querySelector("[data-undo]");
  const remove = form.querySelector("[data-remove]");
  const width = Number(stage.dataset.width);
  const height = Number(stage.dataset.height);
  const longest = Math.max(width, height);
  const line = Math.max(2, longest / 220);
  const letters = Math.max(11, longest / 28);
  const colours = JSON.parse(stage.dataset.colours);
  let shapes = JSON.parse(field.value || "[]");
  let past = [];
  let tool = "arrow";
  let colour = "red";
  let chosen = -1;
  let drawing = null;
  let wordsAt = null;

  form.hidden = false;
  draw();

  function clamp(value) {
    return Math.round(Math.min(1, Math.max(0, value)) * 10000) / 10000;
  }

  function place(event) {
    const box = layer.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
  }

  function element(name, attributes) {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, String(value));
    }
    return made;
  }

  function arrowPath(shape) {
    const start = [shape.from[0] * width, shape.from[1] * height];
    const end = [shape.to[0] * width, shape.to[1] * height];
    const angle = Math.atan2(end[1] - start[1], end[0] - start[0]);
    const head = Math.min(longest / 24, Math.max(Math.hypot(end[0] - start[0], end[1] - start[1]) * 0.5, 1));
    const wing = function (turn) { return (end[0] - head * Math.cos(angle + turn)) + " " + (end[1] - head * Math.sin(angle + turn)); };
    return "M" + start.join(" ") + " L" + end.join(" ") + " M" + wing(0.42) + " L" + end.join(" ") + " L" + wing(-0.42);
  }

  function draw() {
    layer.replaceChildren();
    shapes.forEach(function (shape, index) {
      const group = element("g", { "data-index": index, class: index === chosen ? "chosen" : "" });
      const pair = colours[shape.colour];
      if (shape.kind === "text") {
        const text = element("text", { x: shape.at[0] * width, y: shape.at[1] * height, "font-size": letters, "font-weight": 600, fill: pair[0], stroke: pair[1], "stroke-width": line, "paint-order": "stroke", "dominant-baseline": "hanging" });
        text.textContent = shape.text;
        group.append(text);
      } else {
        for (const [ink, thick] of [["transparent", line * 9], [pair[1], line * 2], [pair[0], line]]) {
          const pen = { fill: "none", stroke: ink, "stroke-width": thick, "stroke-linecap": "round", "stroke-linejoin": "round" };
          group.append(shape.kind === "arrow"
            ? element("path", Object.assign({ d: arrowPath(shape) }, pen))
            : element("ellipse", Object.assign({ cx: shape.at[0] * width, cy: shape.at[1] * height, rx: shape.radius[0] * width, ry: shape.radius[1] * height }, pen)));
        }
      }
      layer.append(group);
    });
    field.value = JSON.stringify(shapes);
    undo.disabled = past.length === 0;
    remove.disabled = chosen < 0;
  }

  function keep() {
    past.push(JSON.stringify(shapes));
  }

  function add(shape) {
    shapes.push(shape);
    chosen = shapes.length - 1;
    draw();
  }

  function indexAt(event) {
    const group = event.target.closest && event.target.closest("g[data-index]");
    return group ? Number(group.dataset.index) : -1;
  }

  function shifted(shape, dx, dy) {
    const moved = JSON.parse(JSON.stringify(shape));
    for (const key of ["from", "to", "at"]) {
      if (moved[key]) {
        moved[key] = [clamp(moved[key][0] + dx), clamp(moved[key][1] + dy)];
      }
    }
    return moved;
  }

  layer.addEventListener("pointerdown", function (event) {
    if (drawing || (event.pointerType === "mouse" && event.button !== 0)) {
      return;
    }
    event.preventDefault();
    const at = place(event);
    if (tool === "choose") {
      chosen = indexAt(event);
      draw();
      if (chosen >= 0) {
        keep();
        drawing = { pointer: event.pointerId, from: at, before: shapes[chosen], moves: true };
        layer.setPointerCapture(event.pointerId);
      }
      return;
    }
    if (tool === "text") {
      askWords(at);
      return;
    }
    if (shapes.length >= 40) {
      return;
    }
    keep();
    drawing = { pointer: event.pointerId, from: at };
    layer.setPointerCapture(event.pointerId);
    add(tool === "arrow"
      ? { kind: "arrow", colour: colour, from: at, to: at }
      : { kind: "circle", colour: colour, at: at, radius: [0, 0] });
  });

  layer.addEventListener("pointermove", function (event) {
    if (!drawing || event.pointerId !== drawing.pointer) {
      return;
    }
    const at = place(event);
    const shape = shapes[chosen];
    if (drawing.moves) {
      shapes[chosen] = shifted(drawing.before, at[0] - drawing.from[0], at[1] - drawing.from[1]);
    } else if (shape.kind === "arrow") {
      shape.to = at;
    } else {
      shape.at = [clamp((drawing.from[0] + at[0]) / 2), clamp((drawing.from[1] + at[1]) / 2)];
      shape.radius = [clamp(Math.abs(at[0] - drawing.from[0]) / 2), clamp(Math.abs(at[1] - drawing.from[1]) / 2)];
    }
    draw();
  });

  function end(event) {
    if (!drawing || event.pointerId !== drawing.pointer) {
      return;
    }
    const shape = shapes[chosen];
    const small = !drawing.moves && (shape.kind === "arrow"
      ? Math.hypot(shape.to[0] - shape.from[0], shape.to[1] - shape.from[1]) < 0.03
      : Math.max(shape.radius[0], shape.radius[1]) < 0.012);
    if (small && shape.kind === "circle") {
      // A tap makes a circle of a usual size.
      shape.at = drawing.from;
      shape.radius = [0.08, clamp(0.08 * width / height)];
    } else if (small) {
      shapes.pop();
      past.pop();
      chosen = -1;
    }
    drawing = null;
    draw();
  }
  layer.addEventListener("pointerup", end);
  layer.addEventListener("pointercancel", end);
  layer.addEventListener("touchmove", function (event) { event.preventDefault(); }, { passive: false });

  function askWords(at) {
    wordsAt = at;
    wordsBar.hidden = false;
    words.value = "";
    words.focus();
  }

  function takeWords() {
    const text = words.value.trim().slice(0, 40);
    wordsBar.hidden = true;
    if (text && wordsAt && shapes.length < 40) {
      keep();
      add({ kind: "text", colour: colour, at: wordsAt, text: text });
    }
    wordsAt = null;
  }
  form.querySelector("[data-words-done]").addEventListener("click", takeWords);
  words.addEventListener("keydown", function (event) {
    if (event.key === "Enter") {
      event.preventDefault();
      takeWords();
    }
  });

  form.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-tool], button[data-colour]");
    if (!button) {
      return;
    }
    const isTool = button.dataset.tool !== undefined;
    if (isTool) {
      tool = button.dataset.tool;
    } else {
      colour = button.dataset.colour;
      if (chosen >= 0 && tool === "choose") {
        keep();
        shapes[chosen].colour = colour;
      }
    }
    for (const other of form.querySelectorAll(isTool ? "button[data-tool]" : "button[data-colour]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    draw();
  });

  undo.addEventListener("click", function () {
    if (past.length) {
      shapes = JSON.parse(past.pop());
      chosen = -1;
      draw();
    }
  });

  function removeChosen() {
    if (chosen >= 0) {
      keep();
      shapes.splice(chosen, 1);
      chosen = -1;
      draw();
    }
  }
  remove.addEventListener("click", removeChosen);
  document.addEventListener("keydown", function (event) {
    if ((event.key === "Delete" || event.key === "Backspace") && !event.target.matches("input, textarea")) {
      removeChosen();
    }
  });
  form.addEventListener("submit", takeWords);
}());
