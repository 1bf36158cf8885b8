// Keys pressed inside of a box do not run the notebook's commands, which are single letters that
// delete cells; saving still does. JupyterLab listens when the box has been asked, Notebook 7
// before: a mark on what has the focus makes it look away.

export const guardKeys = (box) => {
  const saves = (event) => (event.ctrlKey || event.metaKey) && event.key === "s";
  const stop = (event) => saves(event) || event.stopPropagation();
  const mark = (event) => {
    const target = event.composedPath()[0];
    if (target instanceof Element && box.contains(target)) target.toggleAttribute("data-lm-suppress-shortcuts", !saves(event));
  };
  for (const name of ["keydown", "keyup", "keypress"]) box.addEventListener(name, stop);
  addEventListener("keydown", mark, true);
  return () => {
    for (const name of ["keydown", "keyup", "keypress"]) box.removeEventListener(name, stop);
    removeEventListener("keydown", mark, true);
  };
};
