// The pages work without this script: it loads parts of diffs when they are looked at, keeps what goes on up to date, and adds keys.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripts");
  const html = window.trustedTypes ? trustedTypes.createPolicy("slipway", { createHTML: (s) => s }) : { createHTML: (s) => s };
  const fragment = (text) => {
    const t = document.createElement("template");
    t.innerHTML = html.createHTML(text); // made by our own server, which escapes what it shows
    return t.content;
  };
  const remember = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=${value ? 31536000 : 0}; secure; samesite=lax`;
  };
  const ask = (address, headers) => fetch(address, { headers: { "Slipway-Part": "1", ...headers }, credentials: "same-origin", redirect: "error" });
  const tell = (at, text) => {
    const p = document.createElement("p");
    p.className = "notice warn";
    p.setAttribute("role", "alert");
    p.textContent = text;
    at.replaceChildren(p);
  };

  // Parts of diffs: a few at a time, when they come into view.
  let loading = 0;
  const waiting = [];
  const next = () => {
    while (loading < 3 && waiting.length) {
      const part = waiting.shift();
      loading++;
      load(part).finally(() => { loading--; next(); });
    }
  };
  const load = async (part) => {
    part.classList.add("busy");
    try {
      let answer = await ask(part.dataset.part);
      for (let tries = 0; answer.status === 503 && tries < 10; tries++) {
        await new Promise((done) => setTimeout(done, 3000));
        answer = await ask(part.dataset.part);
      }
      if (!answer.ok) {
        tell(part, answer.status === 401 ? "You are no longer signed in. Load the page again." : answer.status === 409 ? "There is a newer report. Load the page again." : "This could not be loaded. Load the page again.");
        return;
      }
      const made = fragment(await answer.text());
      const more = made.querySelectorAll("[data-part]");
      part.replaceWith(made);
      more.forEach(watch);
    } catch {
      part.classList.remove("busy");
      part.querySelector("a")?.addEventListener("click", begin, { once: true });
    }
  };
  const begin = (event) => {
    const part = event.target.closest("[data-part]");
    if (!part) return;
    event.preventDefault();
    enqueue(part);
  };
  const enqueue = (part) => {
    if (part.dataset.asked) return;
    part.dataset.asked = "1";
    seen.unobserve(part);
    waiting.push(part);
    next();
  };
  const seen = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting) enqueue(e.target);
  }, { rootMargin: "600px 0px" });
  const watch = (part) => {
    seen.observe(part);
    part.querySelector("a")?.addEventListener("click", begin, { once: true });
  };
  document.querySelectorAll("[data-part]").forEach(watch);

  // What goes on: asked for now and then while somebody looks, and put in place only where it changed.
  const keep = (at) => [...at.querySelectorAll("details[data-keep]")].map((d) => [d.dataset.keep, d.open]);
  const live = (at) => {
    let tag = "";
    let wait = Number(at.dataset.every) * 1000;
    const turn = async () => {
      if (!document.hidden) {
        try {
          const answer = await ask(at.dataset.live, tag ? { "If-None-Match": tag } : {});
          if (answer.status === 401) return tell(at, "You are no longer signed in. Load the page again.");
          if (answer.ok) {
            const first = tag === "";
            tag = answer.headers.get("ETag") || "";
            const text = await answer.text();
            const log = at.querySelector(".log");
            const atEnd = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
            const focused = at.contains(document.activeElement) && document.activeElement !== document.body;
            const selecting = !getSelection().isCollapsed && at.contains(getSelection().anchorNode);
            if (!selecting && !(focused && first)) {
              const open = new Map(keep(at));
              const made = fragment(text);
              made.querySelectorAll("details[data-keep]").forEach((d) => { if (open.has(d.dataset.keep)) d.open = open.get(d.dataset.keep); });
              at.replaceChildren(made);
              const again = at.querySelector(".log");
              if (again && (atEnd || first)) again.scrollTop = again.scrollHeight;
            } else {
              tag = "";
            }
          }
          wait = Number(at.dataset.every) * 1000;
        } catch {
          wait = Math.min(wait * 2, 60000);
        }
      }
      setTimeout(turn, wait);
    };
    "now" in at.dataset ? turn() : setTimeout(turn, wait);
    const log = at.querySelector(".log");
    if (log) log.scrollTop = log.scrollHeight;
  };
  document.querySelectorAll("[data-live]").forEach(live);

  // Colours.
  const toggle = document.querySelector("[data-theme-toggle]");
  const name = () => {
    const now = root.dataset.theme || "";
    toggle.setAttribute("aria-label", "Colours: " + (now || "as the system has them"));
    toggle.title = toggle.getAttribute("aria-label");
    toggle.textContent = { "": "◐", light: "☀", dark: "☾" }[now];
  };
  const turn = () => {
    const after = { "": "light", light: "dark", dark: "" }[root.dataset.theme || ""];
    if (after) root.dataset.theme = after; else delete root.dataset.theme;
    remember("slipway-theme", after);
    name();
  };
  toggle?.addEventListener("click", turn);
  if (toggle) name();

  // Forms that need no button.
  const view = document.querySelector("[data-view]");
  document.querySelectorAll("[data-submit]").forEach((field) => field.addEventListener("change", () => {
    if (field === view) remember("slipway-view", view.value);
    field.form.requestSubmit();
  }));

  // Applications of the report.
  const apps = () => [...document.querySelectorAll("details.app")];
  const all = (open) => apps().forEach((d) => { d.open = open; });
  document.querySelectorAll("[data-all]").forEach((b) => b.addEventListener("click", () => all(b.dataset.all === "open")));
  const unfold = () => {
    const at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (at instanceof HTMLDetailsElement) at.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  document.querySelectorAll("[data-copy]").forEach((b) => b.addEventListener("click", async () => {
    await navigator.clipboard.writeText(b.dataset.copy);
    b.textContent = "Copied";
    setTimeout(() => { b.textContent = "Copy"; }, 1500);
  }));

  // Keys.
  const help = document.getElementById("keys");
  document.querySelector("[data-keys]")?.addEventListener("click", () => help.showModal());
  const stops = () => [...document.querySelectorAll("details.app > summary, details.app[open] .piece > h3")];
  const step = (by) => {
    const list = stops();
    if (!list.length) return;
    const now = list.indexOf(document.activeElement);
    const from = now >= 0 ? now : list.findIndex((s) => s.getBoundingClientRect().top > 80) - (by > 0 ? 1 : 0);
    const to = list[Math.max(0, Math.min(list.length - 1, from + by))];
    to.focus({ preventScroll: true });
    to.scrollIntoView({ block: "center" });
  };
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => { const d = document.activeElement.closest?.("details.app"); if (d) { d.open = !d.open; d.querySelector("summary").focus(); } },
    e: () => all(apps().some((d) => !d.open)),
    v: () => { if (view) { view.value = view.value === "split" ? "unified" : "split"; view.dispatchEvent(new Event("change")); } },
    "/": () => document.querySelector("[data-filter]")?.focus(),
    t: turn,
    "?": () => help.showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || event.target.closest("input, select, textarea")) return;
    const does = keys[event.key];
    if (does) { event.preventDefault(); does(); }
  });
})();
