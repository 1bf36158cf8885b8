// code: text, language ("python", "json" get a little colour), title, cut (the text is shortened: it
// is asked of Python when it is copied). With a button that copies it.
import { copyText } from "../clip.js";
import { button, make, set, write } from "../dom.js";
import { frame } from "./frame.js";

const PARTS = /(#.*)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|\b(import|from|as|for|in|with|def|return|if|else|not|None|True|False|null|true|false)\b/g;

const highlighted = (text, language) => {
  const nodes = [];
  let end = 0;
  if (["python", "json"].includes(language)) for (const match of text.matchAll(PARTS)) {
    nodes.push(text.slice(end, match.index), make(match[1] ? "i" : match[2] ? "em" : "b", {}, match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
};

export const codeKind = (ui, id) => {
  const code = make("pre", { tabindex: 0, role: "region" }), said = make("span", { class: "mv-said", "aria-live": "polite" });
  const press = button("mv-button mv-copy", "Copy", { "data-no-picture": "" });
  const { el, head } = frame(ui, id, "code", make("div", { class: "mv-code" }, code, press, said));
  let timer;
  press.addEventListener("click", async () => {
    const { cut, text = "" } = ui.props(id);
    if (cut) {
      ui.asked = id;
      return ui.send(id, "copy", "code");
    }
    const done = await copyText(text);
    if (!done) getSelection().selectAllChildren(code);
    write(said, write(press.firstChild, done ? "Copied" : "Press Ctrl+C").textContent);
    clearTimeout(timer);
    timer = setTimeout(() => {
      write(press.firstChild, "Copy");
      write(said, "");
    }, 2000);
  });
  const update = (props) => {
    head(props);
    code.replaceChildren(...highlighted(props.text ?? "", props.language ?? "python"));
    set(code, { "aria-label": props.title || "Code" });
  };
  return { el, update, free: () => clearTimeout(timer) };
};
