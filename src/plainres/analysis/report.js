// Draws the errors of each run by epoch, in place of the static figure: any arms and depths, linear or logarithmic.
"use strict";
(() => {
  const {arms, depths, runs, guessing} = JSON.parse(document.getElementById("seeds").textContent);
  const SPLITS = ["training", "validation"], HEIGHT = 340, LEFT = 46, RIGHT = 12, TOP = 10, BOTTOM = 40, NEAR = 20;
  const figure = document.getElementById("curves"), live = figure.querySelector(".live");

  function make(parent, name, attributes = {}, text = "") {
    const svg = ["svg", "path", "text", "circle"].includes(name);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(text);
    return parent.appendChild(element);
  }
  // Deeper networks have more of their arm's colour, shallower ones more of the page's.
  const shade = (colour, depth) => {
    const share = depths.length < 2 ? 100 : 50 + 50 * depths.indexOf(depth) / (depths.length - 1);
    return `color-mix(in srgb, ${colour === "#000000" ? "var(--text)" : colour} ${share}%, var(--back))`;
  };

  const controls = make(live, "fieldset");
  make(controls, "legend", {style: "position: absolute; clip-path: inset(50%)"}, "What is drawn");
  function box(text, {colour, checked = true}) {
    const label = make(controls, "label"), input = make(label, "input", {type: "checkbox"});
    input.checked = checked;
    input.addEventListener("change", draw);
    if (colour) make(label, "span").style.background = colour;
    label.append(colour ? text : ` ${text}`);
    return input;
  }
  const boxes = new Map();
  for (const [arm, colour] of Object.entries(arms)) boxes.set(`arm ${arm}`, box(arm, {colour}));
  for (const depth of depths) boxes.set(`depth ${depth}`, box(`${depth} layers`, {colour: shade("var(--text)", depth)}));
  for (const split of SPLITS) boxes.set(split, box(split === "training" ? "training (running mean of an epoch)" : "validation (dashed)", {checked: split === "training"}));
  const logarithmic = box("logarithmic", {checked: false});
  const HINT = "Each line is a run, deeper networks in stronger colour. Point at one for its values.";
  const told = make(live, "output", {"aria-live": "polite"}, HINT);
  const svg = make(live, "svg", {height: HEIGHT, role: "img", "aria-label": "Error in percent by epoch, a line for each run"});
  let shown = [], mark;

  function draw() {
    const width = live.clientWidth || 600, log = logarithmic.checked, lines = [];
    for (const run of runs)
      for (const split of SPLITS)
        if (boxes.get(`arm ${run.arm}`).checked && boxes.get(`depth ${run.depth}`).checked && boxes.get(split).checked)
          lines.push({run, split, points: run.epochs.map((epoch, i) => [epoch, run[split][i]]).filter(([, y]) => y !== null)});
    const xs = lines.flatMap(({points}) => points.map(([x]) => x)), ys = lines.flatMap(({points}) => points.map(([, y]) => y));
    const first = xs.reduce((a, b) => Math.min(a, b), 1), last = xs.reduce((a, b) => Math.max(a, b), first + 1);
    const highest = ys.reduce((a, b) => Math.max(a, b), 1), lowest = ys.filter(y => y > 0).reduce((a, b) => Math.min(a, b), 100);
    const floor = 10 ** Math.floor(Math.log10(lowest)); // where errors of zero stand on a logarithmic axis
    const share = y => log ? Math.log(Math.max(y, floor) / floor) / Math.log(highest / floor || 10) : y / highest;
    const atX = x => LEFT + (width - LEFT - RIGHT) * (x - first) / (last - first);
    const atY = y => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share(y);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const decades = [...Array(9).keys()].flatMap(i => [1, 2, 5].map(n => n * floor * 10 ** i));
    for (const y of log ? decades.filter(y => y <= highest) : steps(0, highest)) {
      make(svg, "path", {class: "grid", d: `M${LEFT} ${atY(y)}H${width - RIGHT}`});
      make(svg, "text", {x: LEFT - 6, y: atY(y) + 4, "text-anchor": "end"}, `${log && y === floor ? "≤ " : ""}${+y.toPrecision(6)}`);
    }
    if (guessing && guessing <= highest) {
      make(svg, "path", {class: "guessing", d: `M${LEFT} ${atY(guessing)}H${width - RIGHT}`});
      make(svg, "text", {x: width - RIGHT, y: atY(guessing) - 4, "text-anchor": "end"}, `guessing, ${+guessing.toPrecision(3)} %`);
    }
    for (const x of steps(first, last).filter(Number.isInteger))
      make(svg, "text", {x: atX(x), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, x);
    make(svg, "text", {x: (LEFT + width) / 2, y: HEIGHT - 4, "text-anchor": "middle"}, "epoch");
    make(svg, "text", {x: 12, y: HEIGHT / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${HEIGHT / 2})`}, "error (%)");
    shown = lines.map(({run, split, points}) => {
      const path = make(svg, "path", {d: points.map(([x, y], i) => `${i ? "L" : "M"}${atX(x).toFixed(1)} ${atY(y).toFixed(1)}`).join("")});
      path.style.stroke = shade(arms[run.arm], run.depth);
      path.style.strokeWidth = split === "training" ? 1.6 : 1;
      path.style.strokeDasharray = split === "training" ? "none" : "5 3";
      return points.map(([x, y]) => ({x, y, run, split, left: atX(x), top: atY(y)})); // left and top in pixels
    });
    mark = make(svg, "circle", {r: 4.5, visibility: "hidden"});
    told.textContent = HINT;
  }
  // Round numbers from `low` to `high`, some five of them.
  function steps(low, high) {
    const power = 10 ** Math.floor(Math.log10((high - low) / 5)), step = power * [1, 2, 5, 10].find(n => n * power * 6 >= high - low);
    return [...Array(Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1).keys()].map(i => (Math.ceil(low / step - 1e-9) + i) * step);
  }
  svg.addEventListener("pointermove", event => {
    const {left, top} = svg.getBoundingClientRect(), x = event.clientX - left, y = event.clientY - top;
    let found = null, least = NEAR;
    for (const points of shown)
      points.forEach((from, i) => {
        const to = points[i + 1] ?? from, along = Math.min(1, Math.max(0, (x - from.left) / (to.left - from.left || 1)));
        const distance = Math.hypot(from.left + along * (to.left - from.left) - x, from.top + along * (to.top - from.top) - y);
        if (distance < least) [found, least] = [along < 0.5 ? from : to, distance];
      });
    mark.setAttribute("visibility", found ? "visible" : "hidden");
    told.textContent = HINT;
    if (!found) return;
    const {run, split} = found;
    told.textContent = `${run.arm} ${run.depth}, seed ${run.seed}, epoch ${found.x}: ${found.y.toFixed(2)} % ${split} error`;
    mark.setAttribute("cx", found.left);
    mark.setAttribute("cy", found.top);
    mark.style.fill = shade(arms[run.arm], run.depth);
  });
  figure.classList.add("is-live");
  new ResizeObserver(draw).observe(live);
})();
