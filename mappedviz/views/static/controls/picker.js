// The list with a search field that a select with many options opens (a combobox).
import { MOST, fresh, make, place, set, show, words, write } from "../dom.js";
import { figures } from "../numbers.js";

// Where a list stands: below what opened it, or above where there is no room.
export const below = (node, opener, width) => {
  const { left, top, bottom, width: own } = opener.getBoundingClientRect();
  place(node, { minWidth: Math.max(own, width ?? 0) + "px", maxHeight: "none" });
  const { width: wide, height } = node.getBoundingClientRect();
  const under = bottom + height + 8 < innerHeight || top < height + 8;
  place(node, {
    left: Math.max(8, Math.min(left, innerWidth - wide - 8)) + "px",
    top: (under ? bottom + 4 : top - height - 4) + "px",
  });
};

export const pickerOf = (label, send) => {
  const value = words("", "mv-words mv-picked");
  const opener = make("button", { type: "button", class: "mv-input mv-picker", "aria-haspopup": "listbox", "aria-expanded": "false", id: fresh("opener") }, value);
  const list = make("div", { class: "mv-options", role: "listbox", id: fresh("list"), tabindex: -1, "aria-labelledby": label.id });
  const input = make("input", { type: "search", class: "mv-input", role: "combobox", "aria-expanded": "true", "aria-controls": list.id,
    "aria-autocomplete": "list", "aria-labelledby": label.id, placeholder: "Search", autocomplete: "off", spellcheck: "false" });
  const more = make("div", { class: "mv-hint mv-more" });
  const pop = make("div", { class: "mv-pop mv-picker-pop", popover: "auto" }, input, list, more);
  const el = make("div", { class: "mv-picker-box" }, opener, pop);
  let props = {}, found = [], at = 0;
  set(opener, { "aria-labelledby": `${label.id} ${opener.id}` });

  const close = () => pop.matches(":popover-open") && pop.hidePopover();
  const mark = (to) => {
    at = Math.max(0, Math.min(found.length - 1, to));
    [...list.children].forEach((node, i) => node.classList.toggle("mv-at", i === at));
    const node = list.children[at];
    set(input, { "aria-activedescendant": node?.id });
    node?.scrollIntoView({ block: "nearest" });
  };
  const draw = () => {
    const sought = input.value.trim().toLowerCase();
    const all = (props.options ?? []).filter((one) => !sought || `${one.text} ${one.note ?? ""}`.toLowerCase().includes(sought));
    found = all.slice(0, MOST);
    list.replaceChildren(...found.map((one, i) => {
      const node = make("div", { class: "mv-option", role: "option", id: `${list.id}-${i}`, "aria-selected": String(one.id === props.value),
        "aria-disabled": one.disabled ? "true" : null }, words(one.text), one.note ? words(one.note, "mv-words mv-aside-note") : null);
      node.dataset.i = i;
      return node;
    }));
    write(more, all.length > MOST ? `${figures(all.length - MOST)} more: type to find them` : all.length ? "" : "Nothing found");
    show(more, more.textContent);
  };
  const open = () => {
    if (props.disabled) return;
    input.value = "";
    draw();
    pop.showPopover?.();
    below(pop, opener, 240);
    input.focus({ preventScroll: true });
    mark(found.findIndex((one) => one.id === props.value));
  };
  const choose = (one) => {
    if (!one || one.disabled) return;
    close();
    opener.focus({ preventScroll: true });
    if (one.id !== props.value) send(one.id);
  };
  opener.addEventListener("click", open);
  opener.addEventListener("keydown", (event) => {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    open();
  });
  pop.addEventListener("toggle", (event) => set(opener, { "aria-expanded": String(event.newState === "open") }));
  input.addEventListener("input", () => {
    draw();
    mark(0);
  });
  input.addEventListener("keydown", (event) => {
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 8, PageUp: at - 8 }[event.key];
    if (to !== undefined) mark(to);
    else if (event.key === "Enter") choose(found[at]);
    else if (event.key === "Escape") {
      close();
      opener.focus({ preventScroll: true });
    } else if (event.key === "Tab") return close();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", ({ target }) => choose(found[target.closest("[data-i]")?.dataset.i]));
  list.addEventListener("pointermove", ({ target }) => {
    const i = target.closest("[data-i]")?.dataset.i;
    if (i !== undefined && +i !== at) mark(+i);
  });
  const update = (news) => {
    props = news;
    const now = (props.options ?? []).find((one) => one.id === props.value);
    write(value, now?.text ?? "");
    set(opener, { title: now?.text || null, "aria-disabled": props.disabled ? "true" : null });
    if (pop.matches(":popover-open")) draw();
  };
  return { el, update, close };
};
