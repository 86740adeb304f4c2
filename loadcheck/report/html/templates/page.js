"use strict";
(() => {
  const items = JSON.parse(document.getElementById("figures").textContent);
  const look = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Bokeh draws on canvases, which no style sheet reaches: its texts and axes get the page's colours here.
  const paint = () => {
    const dark = Number(look("--dark")), ink = look("--ink"), dim = look("--dim"), paper = look("--paper");
    for (const doc of Bokeh.documents) for (const model of doc.all_models) {
      if (model.axis_label_text_color !== undefined && model.major_label_text_color !== undefined)
        model.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: dim, major_tick_line_color: dim});
      else if (model.type === "Title") model.setv({text_color: ink});
      else if (model.type === "Legend") model.setv({label_text_color: ink, background_fill_color: paper});
      else if (model.type === "Grid") model.setv({grid_line_color: dim});
      else if (model.type === "GlyphRenderer" && model.name === "named") model.glyph.setv({text_color: {value: ink}});
      else if (model.type === "GlyphRenderer" && model.glyph.tags.length) {
        const value = model.glyph.tags[dark];
        model.glyph.setv({line_color: {value}, ...("fill_color" in model.glyph && {fill_color: {value}})});
      }
    }
  };

  const zoom = (how) => {
    for (const doc of Bokeh.documents) {
      const axis = doc.get_model_by_name("time");
      if (!axis) continue;
      const [first, last] = axis.bounds, {start, end} = axis, span = end - start;
      const to = {in: [start + span / 4, end - span / 4], out: [start - span / 2, end + span / 2],
        earlier: [start - span / 2, end - span / 2], later: [start + span / 2, end + span / 2], whole: [first, last]}[how];
      const width = Math.min(to[1] - to[0], last - first);
      const from = Math.max(first, Math.min(to[0], last - width));
      axis.setv({start: from, end: from + width});
    }
  };

  const sort = (button) => {
    const head = button.closest("th"), row = head.parentElement, body = row.closest("table").tBodies[0];
    const place = [...row.children].indexOf(head), down = head.getAttribute("aria-sort") === "descending";
    for (const other of row.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const key = (line) => line.children[place].dataset.value ?? line.children[place].textContent;
    const before = (a, b) => isNaN(a) || isNaN(b) || a === "" || b === "" ? a.localeCompare(b) : a - b;
    const lines = [...body.rows].sort((a, b) => before(key(a), key(b)) * (down ? 1 : -1));
    body.append(...lines);
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try { await navigator.clipboard.writeText(source.textContent); }
    catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  };

  document.addEventListener("click", ({target}) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.zoom) zoom(button.dataset.zoom);
    else if (button.dataset.copy) copy(button);
    else if (button.closest("th")) sort(button);
  });
  // A canvas is not drawn anew for paper: it keeps its size, and the whole is shown as much smaller as paper is narrower.
  const paperWidth = 680, drawings = () => document.querySelectorAll(".drawing");
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    for (const one of drawings()) {
      const width = one.scrollWidth;
      one.style.width = `${width}px`;
      one.style.zoom = Math.min(1, paperWidth / width);
    }
  });
  addEventListener("afterprint", () => {
    for (const one of drawings()) one.style.width = one.style.zoom = "";
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  matchMedia("print").addEventListener("change", paint);

  Promise.all(items.map((item) => Bokeh.embed.embed_item(item))).then(() => {
    paint();
    document.documentElement.dataset.drawn = items.length;
  });
})();
