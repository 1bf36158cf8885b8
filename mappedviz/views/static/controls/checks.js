// checks: label, value [ids], options [{id, text, note, disabled}]. A list of check boxes with a
// search field beyond eight of them, and buttons for all and none of those found. Event `value`.
import { MOST, arrange, button, make, set, show, words, write } from "../dom.js";
import { figures } from "../numbers.js";
import { enable, field } from "./field.js";

export const checksKind = (ui, id) => {
  const list = make("div", { class: "mv-checks-list" }), more = make("div", { class: "mv-hint" });
  const input = make("input", { type: "search", class: "mv-input", placeholder: "Search", autocomplete: "off", spellcheck: "false" });
  const all = button("mv-quiet", "All"), none = button("mv-quiet", "None"), count = make("span", { class: "mv-hint", "aria-live": "polite" });
  const bar = make("div", { class: "mv-checks-bar" }, input, all, none, count);
  const box = make("div", { class: "mv-checks" }, bar, list, more);
  const { el, head } = field("checks", box, { group: true });
  const rows = new Map();
  let found = [];
  const send = (wanted) => {
    const order = ui.props(id).options.map((one) => one.id), now = new Set(wanted);
    const value = order.filter((one) => now.has(one));
    ui.props(id).value = value;
    draw();
    ui.send(id, "value", value);
  };
  const row = (option) => {
    if (!rows.has(option)) {
      const tick = make("input", { type: "checkbox" }), text = words(""), note = words("", "mv-words mv-aside-note");
      tick.addEventListener("change", () => {
        const value = ui.props(id).value ?? [];
        send(tick.checked ? [...value, option] : value.filter((one) => one !== option));
      });
      rows.set(option, { tick, text, note, node: make("label", { class: "mv-check" }, tick, text, note) });
    }
    return rows.get(option);
  };
  const draw = () => {
    const props = ui.props(id), options = props.options ?? [], value = new Set(props.value), sought = input.value.trim().toLowerCase();
    const hits = options.filter((one) => !sought || `${one.text} ${one.note ?? ""}`.toLowerCase().includes(sought));
    found = hits.filter((one) => !one.disabled).map((one) => one.id);
    arrange(list, hits.slice(0, MOST).map((one) => {
      const { tick, text, note, node } = row(one.id);
      write(text, one.text);
      write(note, one.note);
      tick.checked = value.has(one.id);
      tick.disabled = Boolean(one.disabled || props.disabled);
      set(node, { title: one.title || one.text });
      return node;
    }));
    write(more, hits.length > MOST ? `${figures(hits.length - MOST)} more: type to find them` : hits.length ? "" : "Nothing found");
    show(more, more.textContent);
    write(count, `${figures(value.size)} of ${figures(options.length)}`);
    show(input, options.length > 8);
    enable(all, found.some((one) => !value.has(one)));
    enable(none, found.some((one) => value.has(one)));
  };
  input.addEventListener("input", draw);
  all.addEventListener("click", () => send([...(ui.props(id).value ?? []), ...found]));
  none.addEventListener("click", () => {
    const gone = new Set(found);
    send((ui.props(id).value ?? []).filter((one) => !gone.has(one)));
  });
  const update = (props, changed) => {
    head(props);
    set(input, { "aria-label": `Search ${props.label ?? ""}` });
    for (const [node, what] of [[all, "All"], [none, "None"]]) set(node, { "aria-label": `${what} of ${props.label ?? "these"}` });
    if (changed.has("options")) {
      const known = new Set((props.options ?? []).map((one) => one.id));
      for (const option of rows.keys()) if (!known.has(option)) rows.delete(option);
    }
    draw();
  };
  return { el, update };
};
