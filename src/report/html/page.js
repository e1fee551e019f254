(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;
  root.classList.add("scripted");

  const findings = all(".finding");
  const byId = new Map(findings.map((finding) => [finding.dataset.of, finding]));
  const marks = all(".pin, .lanes [data-of]");
  const marksOf = new Map();
  for (const mark of marks) {
    for (const id of mark.dataset.of.split(" ")) {
      marksOf.set(id, (marksOf.get(id) || []).concat(mark));
    }
  }
  // Where to return when a story is closed.
  const openers = new Map();

  const detailsOf = (finding) => finding.querySelector("details");
  const nameIn = (hash) => {
    try {
      return decodeURIComponent(hash.slice(1));
    } catch {
      return "";
    }
  };

  function open(id, opener) {
    const finding = byId.get(id);
    if (!finding) return false;
    finding.classList.remove("filtered");
    finding.hidden = false;
    const details = detailsOf(finding);
    if (opener) openers.set(details, opener);
    details.open = true;
    show(details);
    const summary = details.querySelector("summary");
    summary.focus({ preventScroll: true });
    summary.scrollIntoView({ block: "start" });
    return true;
  }

  function close(details) {
    const opener = openers.get(details);
    openers.delete(details);
    details.open = false;
    show(details);
    const back = opener && opener.isConnected && opener.offsetParent ? opener : details.querySelector("summary");
    back.focus({ preventScroll: Boolean(!opener) });
  }

  function show(details) {
    const finding = details.closest(".finding");
    for (const mark of marksOf.get(finding.dataset.of) || []) mark.classList.toggle("on", details.open);
    if (!details.open) return;
    const pin = (marksOf.get(finding.dataset.of) || []).find((mark) => mark.matches(".pin"));
    const ground = pin && pin.closest(".ground");
    // The strata scroll by themselves where they are too high for the window.
    if (ground && ground.scrollHeight > ground.clientHeight && getComputedStyle(ground).overflowY === "auto") {
      const [own, outer] = [pin.getBoundingClientRect(), ground.getBoundingClientRect()];
      if (own.top < outer.top || own.bottom > outer.bottom) {
        ground.scrollTop += own.top - outer.top - outer.height / 3;
      }
    }
  }

  for (const finding of findings) {
    const details = detailsOf(finding);
    details.addEventListener("toggle", () => show(details));
    finding.querySelector(".close").addEventListener("click", () => close(details));
  }
  document.addEventListener("click", (event) => {
    const pin = event.target.closest(".pin");
    if (!pin || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (open(pin.dataset.of, pin)) {
      event.preventDefault();
      if (nameIn(location.hash) !== pin.dataset.of) location.hash = pin.dataset.of;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (event.target.matches("input, select")) return;
    const here = event.target.closest(".finding details[open]");
    const last = here || [...openers.keys()].reverse().find((details) => details.open) || all(".finding details[open]").pop();
    if (last) close(last);
  });
  const follow = () => {
    const id = nameIn(location.hash);
    const finding = byId.get(id);
    if (finding && !detailsOf(finding).contains(document.activeElement)) open(id);
  };
  addEventListener("hashchange", follow);

  const form = document.getElementById("filters");
  const texts = new Map();
  const textOf = (finding) => {
    if (!texts.has(finding)) texts.set(finding, finding.textContent.toLowerCase());
    return texts.get(finding);
  };

  function filter() {
    const chosen = new FormData(form);
    const severities = new Set(chosen.getAll("severity"));
    const words = String(chosen.get("text") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const below = !form.elements.below || chosen.has("below");
    const passes = (finding) =>
      severities.has(finding.dataset.severity) &&
      (below || finding.dataset.counts === "yes") &&
      ["confidence", "reach", "whose", "service"].every((name) => !chosen.get(name) || chosen.get(name) === finding.dataset[name]) &&
      words.every((word) => textOf(finding).includes(word));
    const shown = new Set();
    for (const finding of findings) {
      finding.hidden = !passes(finding);
      if (!finding.hidden) shown.add(finding.dataset.of);
    }
    for (const mark of marks) {
      const is = mark.dataset.of.split(" ").some((id) => shown.has(id));
      if (mark.matches(".pin")) mark.hidden = !is;
      else mark.classList.toggle("off", !is);
    }
    for (const more of all(".pins .more")) more.hidden = !more.querySelector(".pin:not([hidden])");
    for (const found of all(".found")) {
      const rows = all(".finding", found);
      found.querySelector(".none-passes").hidden = rows.length === 0 || rows.some((row) => !row.hidden);
    }
    root.classList.toggle("with-suppressed", chosen.has("suppressed"));
    document.getElementById("told").textContent = `${shown.size} of ${findings.length} findings shown`;
  }

  if (form) {
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("[type=reset]").addEventListener("click", (event) => {
      event.preventDefault();
      form.reset();
      filter();
    });
    filter();
    // The strata, and what links lead to, stay below the filters.
    const under = () => {
      const height = getComputedStyle(form).position === "sticky" ? form.offsetHeight : 0;
      root.style.setProperty("--under-filters", `${height}px`);
    };
    addEventListener("resize", under);
    under();
  } else {
    root.classList.add("with-suppressed");
  }

  for (const button of all(".copy, .close")) button.hidden = false;
  async function copy(button) {
    const code = button.parentElement.querySelector(".copied");
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "Selected";
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      if (document.execCommand("copy")) button.textContent = "Copied";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    opened = [];
  });

  follow();
})();
