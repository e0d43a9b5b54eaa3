"use strict";
// The pad for a signature: smooth strokes of a finger, a pen or the mouse, sharp on any screen, undo and clear, and the
// whole screen for a wide signature. The strokes themselves go into a hidden field; the server draws the picture.
(function () {
  const INK = "#14181a";

  function start(pad) {
    const canvas = pad.querySelector("[data-signature-pad]");
    const field = pad.querySelector("[data-signature-field]");
    const undo = pad.querySelector("[data-signature-undo]");
    const clear = pad.querySelector("[data-signature-clear]");
    const large = pad.querySelector("[data-signature-large]");
    const status = pad.querySelector("[data-signature-status]");
    const pen = canvas.getContext("2d");
    let strokes = [];
    let size = [0, 0];
    let current = null;
    let pointer = null;
    let began = 0;

    pad.hidden = false;
    restore();
    fit();
    new ResizeObserver(fit).observe(canvas);

    function restore() {
      try {
        const kept = JSON.parse(field.value);
        strokes = kept.strokes;
        size = kept.size;
      } catch (error) {
        strokes = [];
      }
    }

    // Turning the phone changes the size of the pad; what was drawn goes along.
    function fit() {
      const width = canvas.clientWidth;
      const height = canvas.clientHeight;
      if (!width || !height) {
        return;
      }
      if (strokes.length && size[0] && (size[0] !== width || size[1] !== height)) {
        const points = strokes.flat();
        const left = Math.min(...points.map(function (point) { return point[0]; })) - 4;
        const top = Math.min(...points.map(function (point) { return point[1]; })) - 4;
        const wide = Math.max(...points.map(function (point) { return point[0]; })) + 4 - left;
        const high = Math.max(...points.map(function (point) { return point[1]; })) + 4 - top;
        // As large as it was, and smaller only where it would not fit.
        const scale = Math.min(1, width / wide, height / high);
        const toLeft = Math.min(Math.max(left + (width - size[0]) / 2, 0), width - wide * scale);
        const toTop = Math.min(Math.max(top + (height - size[1]) / 2, 0), height - high * scale);
        for (const point of points) {
          point[0] = round((point[0] - left) * scale + toLeft);
          point[1] = round((point[1] - top) * scale + toTop);
        }
      }
      size = [width, height];
      const density = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
      pen.setTransform(density, 0, 0, density, 0, 0);
      pen.lineCap = "round";
      pen.lineJoin = "round";
      pen.strokeStyle = INK;
      pen.fillStyle = INK;
      draw();
      tell(false);
    }

    function round(value) {
      return Math.round(value * 10) / 10;
    }

    function draw() {
      pen.clearRect(0, 0, size[0], size[1]);
      strokes.forEach(drawStroke);
    }

    function thickness(pressure) {
      return 1.8 + 1.8 * pressure;
    }

    // A curve through the middles between the points: no corners, however fast the hand was.
    function drawStroke(points) {
      if (points.length === 1) {
        pen.beginPath();
        pen.arc(points[0][0], points[0][1], thickness(points[0][2]) / 2, 0, 7);
        pen.fill();
        return;
      }
      for (let index = 1; index < points.length; index += 1) {
        drawPart(points, index);
      }
    }

    function drawPart(points, index) {
      const before = points[index - 1];
      const point = points[index];
      const middle = [(before[0] + point[0]) / 2, (before[1] + point[1]) / 2];
      pen.lineWidth = thickness((before[2] + point[2]) / 2);
      pen.beginPath();
      if (index === 1) {
        pen.moveTo(before[0], before[1]);
      } else {
        const earlier = points[index - 2];
        pen.moveTo((earlier[0] + before[0]) / 2, (earlier[1] + before[1]) / 2);
      }
      pen.quadraticCurveTo(before[0], before[1], middle[0], middle[1]);
      if (index === points.length - 1) {
        pen.lineTo(point[0], point[1]);
      }
      pen.stroke();
    }

    function place(event) {
      const box = canvas.getBoundingClientRect();
      // A mouse has no pressure and says 0.5; some fingers say 0 or 1.
      const pressure = event.pointerType === "pen" && event.pressure ? event.pressure : 0.5;
      return [round(event.clientX - box.left), round(event.clientY - box.top), Math.round(pressure * 100) / 100, Math.round(event.timeStamp - began)];
    }

    canvas.addEventListener("pointerdown", function (event) {
      if (pointer !== null || (event.pointerType === "mouse" && event.button !== 0) || pad.classList.contains("off")) {
        return;
      }
      event.preventDefault();
      began = began || event.timeStamp;
      pointer = event.pointerId;
      canvas.setPointerCapture(pointer);
      current = [place(event)];
      strokes.push(current);
      drawStroke(current);
      pad.classList.add("has-ink");
    });

    canvas.addEventListener("pointermove", function (event) {
      if (event.pointerId !== pointer) {
        return;
      }
      const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const each of events.length ? events : [event]) {
        const point = place(each);
        const last = current[current.length - 1];
        if (Math.abs(point[0] - last[0]) + Math.abs(point[1] - last[1]) >= 1) {
          current.push(point);
          drawPart(current, current.length - 1);
        }
      }
    });

    function end(event) {
      if (event.pointerId !== pointer) {
        return;
      }
      pointer = null;
      current = null;
      draw();
      tell(true);
    }
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    // Older browsers scroll or zoom although touch-action forbids it.
    canvas.addEventListener("touchmove", function (event) { event.preventDefault(); }, { passive: false });

    function tell(aloud) {
      const some = strokes.length > 0;
      field.value = some ? JSON.stringify({ size: size, strokes: strokes }) : "";
      pad.classList.toggle("has-ink", some);
      undo.disabled = clear.disabled = !some;
      if (aloud) {
        status.textContent = some ? status.dataset.wordsSome : status.dataset.wordsNone;
        pad.dispatchEvent(new CustomEvent("signature:changed", { bubbles: true, detail: { empty: !some } }));
      }
    }

    undo.addEventListener("click", function () {
      strokes.pop();
      draw();
      tell(true);
    });
    clear.addEventListener("click", function () {
      strokes = [];
      began = 0;
      draw();
      tell(true);
    });

    large.addEventListener("click", function () { enlarge(!pad.classList.contains("large")); });
    document.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && pad.classList.contains("large")) {
        enlarge(false);
      }
    });
    document.addEventListener("fullscreenchange", function () {
      if (!document.fullscreenElement && pad.classList.contains("large")) {
        enlarge(false);
      }
    });

    function enlarge(on) {
      pad.classList.toggle("large", on);
      document.body.classList.toggle("signing", on);
      large.setAttribute("aria-pressed", String(on));
      large.textContent = on ? large.dataset.wordsSmall : large.dataset.wordsLarge;
      if (on && window.matchMedia("(pointer: coarse)").matches && document.documentElement.requestFullscreen) {
        document.documentElement.requestFullscreen().then(function () {
          return screen.orientation && screen.orientation.lock ? screen.orientation.lock("landscape") : null;
        }).catch(function () { /* The pad fills the window all the same. */ });
      } else if (!on && document.fullscreenElement) {
        document.exitFullscreen();
      }
      fit();
    }

    tell(false);
  }

  for (const pad of document.querySelectorAll("[data-signature]")) {
    start(pad);
  }

  // Typing the name takes the place of drawing.
  const typed = document.querySelector("[data-typed]");
  if (typed) {
    const follow = function () {
      for (const pad of document.querySelectorAll("[data-signature]")) {
        pad.classList.toggle("off", typed.checked);
      }
    };
    typed.addEventListener("change", follow);
    follow();
  }

  const button = document.querySelector("[data-position]");
  if (button && navigator.geolocation && window.isSecureContext) {
    const field = document.querySelector("[data-position-field]");
    const said = document.querySelector("[data-position-said]");
    button.hidden = false;
    button.addEventListener("click", function () {
      button.disabled = true;
      navigator.geolocation.getCurrentPosition(function (found) {
        const at = found.coords;
        field.value = at.latitude.toFixed(5) + "," + at.longitude.toFixed(5) + " ±" + Math.round(at.accuracy) + " m";
        said.textContent = field.value;
        button.disabled = false;
      }, function () {
        said.textContent = button.dataset.wordsFailed;
        button.disabled = false;
      }, { enableHighAccuracy: true, timeout: 15000 });
    });
  }
}());
