// scatter: panels [{id, title, x, y (0…1000), colour (numbers of the legend) | value (0…1 or null),
// n}], legend [{name, colour, hatch}] (without a name: a colour alone), scale (what a value means),
// square; or, in place of lists, places and paints (one text a panel, six bits a letter: two letters
// for x, two for y; one for the colour, or, if `valued`, 62 times the value; "_" for none). Small
// multiples on canvases, as fine as the screen.
import { MOST, make, marked, place, set, show, swatch, words, write } from "../dom.js";
import { figures } from "../numbers.js";
import { frame } from "./frame.js";

// From a grey near the ground, which is "little", away from it: even in brightness, and told apart by
// people who do not see red and green. The style sheet has the same colours for the scale.
const RAMPS = {
  light: ["#cdd5e0", "#93bfd3", "#53a0bd", "#2a7a9b", "#28567f", "#3a2f6b", "#440154"],
  dark: ["#505a6e", "#447d9f", "#36a491", "#6cc65c", "#c2df3b", "#fde725"],
};
const channelsOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
const rampAt = (ramp, value) => {
  const at = Math.min(0.9999, Math.max(0, value)) * (ramp.length - 1), i = Math.floor(at), [low, high] = [channelsOf(ramp[i]), channelsOf(ramp[i + 1])];
  return `rgb(${low.map((one, k) => Math.round(one + (high[k] - one) * (at - i))).join(",")})`;
};
const NOTHING = "#9aa0a6";
const LETTERS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].map((letter, i) => [letter, i]));
const unpacked = (panel, places = "", paints = "", valued = false) => {
  const numbers = [...places].map((letter) => LETTERS.get(letter) ?? 0), pairs = [], keys = [...paints].map((letter) => LETTERS.get(letter) ?? 63);
  for (let i = 0; i + 1 < numbers.length; i += 2) pairs.push(64 * numbers[i] + numbers[i + 1]);
  return {
    ...panel,
    x: pairs.filter((_, i) => i % 2 === 0),
    y: pairs.filter((_, i) => i % 2),
    ...(valued ? { value: keys.map((key) => (key === 63 ? null : key / 62)) } : { colour: keys.map((key) => (key === 63 ? -1 : key)) }),
  };
};

const paint = (canvas, panel, legend, faint, dark) => {
  const side = canvas.clientWidth, scale = Math.min(3, devicePixelRatio || 1);
  if (!side) return;
  const pixels = Math.round(side * scale);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const context = canvas.getContext("2d"), { x = [], y = [] } = panel;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, side, side);
  const radius = Math.max(0.8, Math.min(2.6, 60 / Math.sqrt(x.length || 1)) * Math.min(1.2, Math.max(0.55, side / 300))), room = side - 12;
  // Grouped by colour: a colour is set once. High values lie over low ones.
  const groups = new Map();
  x.forEach((_, i) => {
    const value = panel.value?.[i], key = panel.value ? (value == null ? -1 : Math.round(31 * value)) : panel.colour?.[i] ?? -1;
    (groups.get(key) ?? groups.set(key, []).get(key)).push(i);
  });
  const order = [...groups.keys()].sort((a, b) => (panel.value || a < 0 || b < 0 ? a - b : groups.get(b).length - groups.get(a).length));
  for (const key of order) {
    const colour = key < 0 ? NOTHING : panel.value ? rampAt(RAMPS[dark ? "dark" : "light"], key / 31) : legend[key]?.colour ?? NOTHING;
    const dim = faint !== undefined && !panel.value && key !== faint;
    context.globalAlpha = dim ? 0.06 : key < 0 ? (panel.value ? 0.2 : 0.35) : 0.75;
    context.fillStyle = colour;
    context.beginPath();
    for (const i of groups.get(key)) {
      const px = 6 + (x[i] / 1000) * room, py = side - 6 - (y[i] / 1000) * room;
      context.moveTo(px + radius, py);
      context.arc(px, py, radius, 0, 6.2832);
    }
    context.fill();
  }
};

export const scatterKind = (ui, id) => {
  const grid = make("div", { class: "mv-panels", role: "list" }), legend = make("div", { class: "mv-legend" });
  const ramp = make("div", { class: "mv-scale" }, make("span", { class: "mv-hint" }, "low"), make("i", { class: "mv-shades" }), make("span", { class: "mv-hint" }, "high"), words("", "mv-words"));
  const more = make("div", { class: "mv-hint mv-more" });
  const { el, head } = frame(ui, id, "scatter", legend, ramp, grid, more);
  let panels = [], faint, pinned;
  const paintAll = () => {
    const dark = ui.root.dataset.theme === "dark", keys = ui.props(id).legend ?? [];
    [...grid.children].forEach((node, i) => panels[i] && paint(node.querySelector("canvas"), panels[i], keys, faint, dark));
  };
  const watch = new ResizeObserver(paintAll);
  watch.observe(grid);
  const themed = new MutationObserver(paintAll);
  themed.observe(ui.root, { attributes: true, attributeFilter: ["data-theme"] });
  const point = (i) => {
    if (faint === i) return;
    faint = i;
    for (const node of legend.children) node.classList.toggle("mv-hot", +node.dataset.i === i);
    paintAll();
  };
  legend.addEventListener("pointerover", ({ target }) => {
    const node = target.closest("[data-i]");
    if (node) point(+node.dataset.i);
  });
  legend.addEventListener("pointerleave", () => point(pinned));
  legend.addEventListener("click", ({ target }) => {
    const node = target.closest("[data-i]");
    if (!node) return;
    pinned = pinned === +node.dataset.i ? undefined : +node.dataset.i;
    for (const one of legend.children) set(one, { "aria-pressed": String(+one.dataset.i === pinned) });
    point(pinned);
  });
  const colourAt = (panel, i) => {
    const keys = ui.props(id).legend ?? [];
    return panel.value ? (panel.value[i] == null ? ["no value", ""] : [ui.props(id).scale || "value", figures(panel.value[i])])
      : [keys[panel.colour?.[i]]?.name ?? "", "", keys[panel.colour?.[i]]];
  };
  grid.addEventListener("pointermove", ({ target, clientX, clientY }) => {
    if (target.tagName !== "CANVAS") return ui.tip.hide();
    const panel = panels[[...grid.children].indexOf(target.closest(".mv-panel-cell"))], { left, bottom, width } = target.getBoundingClientRect();
    if (!panel) return;
    const px = ((clientX - left - 6) / (width - 12)) * 1000, py = ((bottom - 6 - clientY) / (width - 12)) * 1000;
    let best = -1, near = (9000 / width) ** 2;
    (panel.x ?? []).forEach((x, i) => {
      const far = (x - px) ** 2 + (panel.y[i] - py) ** 2;
      if (far < near) [best, near] = [i, far];
    });
    if (best < 0) ui.tip.hide();
    else ui.tip.tell(clientX, clientY, panel.title, [colourAt(panel, best)]);
  });
  grid.addEventListener("pointerleave", () => ui.tip.hide());
  const update = (props) => {
    head(props);
    panels = (props.panels ?? []).slice(0, MOST);
    if (props.places) panels = panels.map((panel, i) => unpacked(panel, props.places[i], props.paints?.[i], props.valued));
    const keys = (props.legend ?? []).slice(0, MOST), valued = panels.some((panel) => panel.value);
    while (grid.childElementCount > panels.length) grid.lastElementChild.remove();
    panels.forEach((panel, i) => {
      const node = grid.children[i] ?? grid.appendChild(make("div", { class: "mv-panel-cell", role: "listitem" },
        make("div", { class: "mv-panel-name" }, words(""), make("span", { class: "mv-hint" })), make("canvas", { role: "img" })));
      const [name, n] = node.firstChild.children, many = panel.n ?? panel.x?.length ?? 0;
      marked(write(name, panel.title), panel);
      write(n, figures(many));
      set(name, { title: panel.title || null });
      set(node.lastChild, { "aria-label": `${panel.title}: ${figures(many)} points` });
    });
    set(grid, { "aria-label": props.title });
    place(grid, { "--size": panels.length === 1 ? "420px" : panels.length <= 4 ? "240px" : panels.length <= 12 ? "176px" : "128px" });
    place(grid, { "--many": Math.max(2, panels.length) });
    grid.classList.toggle("mv-single", panels.length === 1);
    grid.classList.toggle("mv-crowd", panels.length > 12);
    pinned = faint = undefined;
    legend.replaceChildren(...(valued ? [] : keys.map((one, i) => one.name && make("button", { type: "button", class: "mv-pair mv-key", "data-i": i, "aria-pressed": "false" }, swatch(one), words(one.name))).filter(Boolean)));
    show(ramp, valued);
    write(ramp.lastChild, props.scale);
    write(more, panels.length ? "" : "Nothing to show");
    paintAll();
  };
  return {
    el,
    update,
    free: () => {
      watch.disconnect();
      themed.disconnect();
    },
  };
};
