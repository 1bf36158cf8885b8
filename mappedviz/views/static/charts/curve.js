// curve: points [[x, y]], xlabel, ylabel, selected ([x as text]), selectable. A line with a mark
// that arrows and clicks move.
import { make, place, set, words } from "../dom.js";
import { counted, figures, percent, short, ticks } from "../numbers.js";
import { frame } from "./frame.js";

const parse = (props) => {
  const points = [...(props.points ?? [])].sort((a, b) => a[0] - b[0]);
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y), top = (Math.max(...ys, 0) || 1) * 1.04;
  const x0 = Math.min(...xs), x1 = Math.max(...xs);
  return { points, xs, ys, top, x0, x1, across: (x) => percent(x1 > x0 ? (x - x0) / (x1 - x0) : 0.5), up: (y) => percent(1 - y / top) };
};

const drawParts = (props, data, marked) => {
  const { points, xs, ys, top, x0, x1, across, up } = data;
  const path = xs.map((x, n) => `${parseFloat(across(x))},${parseFloat(up(ys[n]))}`);
  const parts = ticks(0, top, ys.every(Number.isInteger)).flatMap((y) => [
    place(make("div", { class: "mv-level" }), { top: up(y) }),
    place(make("span", { class: "mv-tick mv-left" }, short(y)), { top: up(y) }),
  ]);
  if (!points.length) return [...parts, make("span", { class: "mv-hint mv-nothing" }, "Nothing to show")];
  for (const x of xs.length > 12 ? ticks(x0, x1, xs.every(Number.isInteger)) : xs)
    parts.push(place(make("span", { class: "mv-tick mv-under" }, short(x)), { left: across(x) }));
  parts.push(make("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    make("polygon", { points: `${path[0].split(",")[0]},100 ${path.join(" ")} ${path.at(-1).split(",")[0]},100` }),
    make("polyline", { points: path.join(" "), "vector-effect": "non-scaling-stroke" })));
  if (marked >= 0) parts.push(place(make("div", { class: "mv-guide" }), { left: across(xs[marked]) }));
  if (points.length <= 40) points.forEach(([x, y], n) =>
    parts.push(place(make("div", { class: n === marked ? "mv-point mv-on" : "mv-point" }), { left: across(x), top: up(y) })));
  else if (marked >= 0) parts.push(place(make("div", { class: "mv-point mv-on" }), { left: across(xs[marked]), top: up(ys[marked]) }));
  parts.push(words(props.xlabel ?? "", "mv-tick mv-xlabel"));
  parts.push(marked < 0 ? words(props.ylabel ?? "", "mv-tick mv-ylabel")
    : place(words(counted(ys[marked], props.ylabel), "mv-flag"), { left: across(xs[marked]), translate: "-" + across(xs[marked]) }));
  return parts;
};

export const curveKind = (ui, id) => {
  const plot = make("div", { class: "mv-curve" });
  const { el, head } = frame(ui, id, "curve", make("div", { class: "mv-plot" }, plot));
  let data = parse({});
  const props = () => ui.props(id), able = () => (props().selectable ?? "none") !== "none";
  const say = ([x, y]) => `${props().xlabel ?? ""} ${figures(x)}: ${counted(y, props().ylabel)}`;
  const marked = () => data.points.findIndex(([x]) => String(x) === props().selected?.[0]);
  const choose = (i) => {
    const ids = data.points[i] ? [String(data.points[i][0])] : [];
    props().selected = ids;
    draw();
    ui.send(id, "selected", ids);
  };
  const nearest = (event) => {
    const { left, width } = plot.getBoundingClientRect(), { points, x0, x1 } = data;
    const x = x0 + ((event.clientX - left) / width) * (x1 - x0);
    return points.reduce((best, [at], i) => (Math.abs(at - x) < Math.abs(points[best][0] - x) ? i : best), 0);
  };
  plot.addEventListener("pointermove", (event) => {
    if (!data.points.length) return;
    const [x, y] = data.points[nearest(event)];
    ui.tip.tell(event.clientX, event.clientY, `${props().xlabel ?? ""} ${figures(x)}`, [[counted(y, props().ylabel), ""]]);
  });
  plot.addEventListener("pointerleave", () => ui.tip.hide());
  plot.addEventListener("click", (event) => able() && data.points.length && choose(nearest(event)));
  plot.addEventListener("keydown", (event) => {
    const i = marked(), last = data.points.length - 1;
    const to = { ArrowRight: i + 1, ArrowUp: i + 1, ArrowLeft: i - 1, ArrowDown: i - 1, Home: 0, End: last, Escape: -2 }[event.key];
    if (to === undefined || !able()) return;
    event.preventDefault();
    choose(to < -1 ? -1 : Math.max(0, Math.min(last, to)));
  });
  const draw = () => {
    const i = marked(), { points, xs } = data;
    plot.replaceChildren(...drawParts(props(), data, i));
    el.classList.toggle("mv-able", able());
    const about = able() && points.length
      ? { role: "slider", tabindex: 0, "aria-valuemin": data.x0, "aria-valuemax": data.x1, "aria-valuenow": i < 0 ? data.x0 : xs[i],
        "aria-valuetext": i < 0 ? "none marked" : say(points[i]), "aria-label": props().title }
      : { role: "img", tabindex: null, "aria-valuemin": null, "aria-valuemax": null, "aria-valuenow": null, "aria-valuetext": null,
        "aria-label": [props().title, ...(points.length ? [say(points[0]), say(points.at(-1))] : [])].join("; ") };
    set(plot, about);
  };
  const update = (news) => {
    head(news);
    data = parse(news);
    draw();
  };
  return { el, update };
};
