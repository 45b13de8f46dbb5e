// Live parts of a page: [data-live-url] is fetched again every data-live-every ms (1000) until the answer holds [data-finished].
// Leaving the page changes nothing: the work goes on, and coming back shows it.
const failuresBeforeNote = 3;

function follow(part) {
  const every = Number(part.dataset.liveEvery || 1000);
  let failures = 0;

  async function step() {
    if (!part.isConnected) return;
    if (document.hidden) {
      setTimeout(step, every);
      return;
    }
    try {
      const answer = await fetch(part.dataset.liveUrl, { headers: { "X-Live": "1" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const markup = await answer.text();
      if (!isInUse(part)) replace(part, markup);
      failures = 0;
    } catch {
      failures += 1;
      if (failures === failuresBeforeNote) part.dataset.liveLost = "1";
    }
    if (!part.querySelector("[data-finished]")) setTimeout(step, every * Math.min(1 + failures, 10));
  }
  if (!part.querySelector("[data-finished]")) setTimeout(step, every);
}

// What is being typed, chosen or pressed stays: a button replaced under the finger is never clicked. The next answer comes soon.
function isInUse(part) {
  const at = document.activeElement;
  return part.matches(":active") || (part.contains(at) && at.matches("input, textarea, select"));
}

// How a control is found again in the new markup.
function nameOf(control) {
  const own = control.id || control.getAttribute("aria-label") || control.getAttribute("href");
  return `${control.tagName} ${own || control.textContent.trim()}`;
}

function replace(part, markup) {
  const at = document.activeElement;
  const focused = part.contains(at) && at !== part ? nameOf(at) : "";
  const scrolled = [...part.querySelectorAll(".table-scroll")].map((box) => box.scrollLeft);
  const log = part.querySelector("[data-log]");
  const atEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const top = log?.scrollTop || 0;
  part.innerHTML = markup;
  part.querySelectorAll(".table-scroll").forEach((box, index) => {
    box.scrollLeft = scrolled[index] || 0;
  });
  if (focused) {
    const controls = part.querySelectorAll("a, button, summary, [tabindex]");
    [...controls].find((control) => nameOf(control) === focused)?.focus({ preventScroll: true });
  }
  delete part.dataset.liveLost;
  const fresh = part.querySelector("[data-log]");
  if (fresh) fresh.scrollTop = atEnd ? fresh.scrollHeight : top;
}

for (const part of document.querySelectorAll("[data-live-url]")) follow(part);
