// Draws a chart again with Vega when a reader points at it or tabs to it, and reads out its values.
// Until then, without scripts and on paper the static drawing stands; Vega is loaded once, on demand.
(() => {
  "use strict";
  const source = new URL("vega.js", document.currentScript.src).href;
  const phone = matchMedia("(max-width: 640px)");
  let loading;
  const library = () =>
    (loading ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = () => done(window.vegaEmbed);
      script.onerror = () => failed(new Error("vega.js cannot be loaded"));
      document.head.append(script);
    }));
  const patched = (value, patch) => {
    if ("=" in patch) return patch["="];
    if ("last" in patch) return value.slice(-patch.last);
    const made = Array.isArray(value) ? [...value] : { ...value };
    for (const [key, step] of Object.entries(patch)) made[key] = patched(value[key], step);
    return made;
  };
  const element = (name, attributes) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const enliven = (stage, data) => {
    const drawing = element("div", { class: "live", "aria-hidden": "true" });
    const tip = element("div", { class: "tip", "aria-hidden": "true", hidden: "" });
    const slider = element("div", {
      class: "reader", role: "slider", tabindex: "0", "aria-label": "Values of the chart",
      "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0", "aria-valuetext": "Arrow keys read the values",
    });
    stage.append(drawing, slider, tip);
    let chart, drawn, last;

    const draw = async () => {
      const embed = await library();
      const { spec, narrow } = data();
      const chosen = phone.matches ? patched(spec, narrow) : spec;
      const options = { mode: "vega-lite", ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false };
      const { view, finalize } = await embed(drawing, chosen, options);
      const marks = [...drawing.querySelectorAll(".live_hits_marks > path")];
      drawn = { view, finalize, marks, readings: chosen.datasets.readings };
      slider.setAttribute("aria-valuemax", marks.length);
      stage.classList.add("drawn");
      if (last) point(last);
    };
    const start = () => (chart ??= draw().catch((problem) => {
      // The static drawing stays, with all that it says.
      chart = undefined;
      slider.remove();
      throw problem;
    }));
    const place = (number, x) => {
      const frame = stage.getBoundingClientRect();
      const mark = drawn.marks[number - 1].getBoundingClientRect();
      const middle = (x ?? mark.left + mark.width / 2) - frame.left;
      const tall = mark.height > frame.height / 2;
      const beside = middle > frame.width / 2 ? middle - tip.offsetWidth - 14 : middle + 14;
      const left = tall ? beside : middle - tip.offsetWidth / 2;
      const below = mark.bottom - frame.top + 6;
      const fits = below + tip.offsetHeight <= frame.height + 24;
      const top = tall ? 4 : fits ? below : mark.top - frame.top - tip.offsetHeight - 6;
      tip.style.left = `${Math.max(0, Math.min(left, frame.width - tip.offsetWidth))}px`;
      tip.style.top = `${top}px`;
    };
    const show = (number, x) => {
      if (!drawn) return;
      const reading = drawn.readings[number - 1];
      drawn.view.signal("at", reading ? reading.i : 0).run();
      tip.hidden = !reading;
      if (!reading) return;
      const [title, ...lines] = reading.t;
      const head = document.createElement("b");
      head.textContent = title;
      tip.replaceChildren(head, ...lines.map((line) => {
        const row = document.createElement("span");
        row.textContent = line;
        return row;
      }));
      slider.setAttribute("aria-valuenow", number);
      slider.setAttribute("aria-valuetext", reading.t.join(", "));
      place(number, x);
    };
    const point = (event) => {
      last = event;
      if (!drawn) return;
      const number = drawn.marks.indexOf(document.elementFromPoint(event.clientX, event.clientY)) + 1;
      show(number, number ? event.clientX : undefined);
    };
    const forget = () => {
      last = undefined;
      show(0);
    };

    stage.addEventListener("pointerenter", (event) => {
      last = event;
      start();
    });
    stage.addEventListener("pointermove", point);
    stage.addEventListener("pointerdown", point);
    stage.addEventListener("pointerleave", (event) => {
      // A finger that lifts leaves its reading standing; the next tap elsewhere takes it away.
      if (event.pointerType !== "touch") forget();
    });
    document.addEventListener("pointerdown", (event) => {
      if (drawn && !stage.contains(event.target)) forget();
    });
    slider.addEventListener("focus", async () => {
      await start();
      if (slider.matches(":focus-visible") && tip.hidden) show(drawn.marks.length);
    });
    slider.addEventListener("blur", forget);
    slider.addEventListener("keydown", (event) => {
      if (!drawn) return;
      const now = Number(slider.getAttribute("aria-valuenow"));
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, PageDown: 7, PageUp: -7 };
      const goal = event.key === "Home" ? 1 : event.key === "End" ? drawn.marks.length : now + steps[event.key];
      if (event.key === "Escape") return show(0);
      if (Number.isNaN(goal)) return;
      event.preventDefault();
      show(Math.max(1, Math.min(goal, drawn.marks.length)));
    });
    phone.addEventListener("change", async () => {
      if (!chart) return;
      await chart;
      tip.hidden = true;
      last = undefined;
      drawn.finalize();
      chart = draw();
    });
  };

  for (const spec of document.querySelectorAll(".stage > template.spec")) {
    enliven(spec.parentElement, () => JSON.parse(spec.content.textContent));
  }
})();
