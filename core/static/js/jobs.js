"use strict";
// Keeps the progress of the jobs on this page up to date, and shows the page anew when one has ended.
(function () {
  const EVERY_MS = 2000;
  const SLOW_MS = 10000;

  function show(place, job) {
    const bar = place.querySelector("progress");
    if (job.total) {
      bar.max = job.total;
      bar.value = job.done;
    } else if (job.at_work) {
      bar.removeAttribute("value");
    }
    place.querySelector("[data-job-counted]").textContent = job.counted;
    const status = place.querySelector("[data-job-status] .st");
    status.textContent = job.words;
    status.className = "st " + job.tone;
  }

  function watch(root) {
    let wait = EVERY_MS;

    async function look() {
      if (document.hidden) {
        window.setTimeout(look, wait);
        return;
      }
      let jobs;
      try {
        const answer = await fetch(root.dataset.jobPoll, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        jobs = (await answer.json()).jobs;
        wait = EVERY_MS;
      } catch (error) {
        // The server may be restarting; ask less often meanwhile.
        wait = SLOW_MS;
        window.setTimeout(look, wait);
        return;
      }
      let ended = false;
      for (const job of Object.values(jobs)) {
        const place = root.matches("[data-job]") ? root : root.querySelector('[data-job="' + job.id + '"]');
        if (place) {
          show(place, job);
        }
        ended = ended || !job.active;
      }
      if (ended) {
        window.location.reload();
        return;
      }
      window.setTimeout(look, wait);
    }

    window.setTimeout(look, EVERY_MS);
  }

  for (const root of document.querySelectorAll("[data-job-poll]")) {
    watch(root);
  }
}());
