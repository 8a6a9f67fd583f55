"use strict";
// The page is complete without this script. It adds a switch of the theme, and the slider of the threshold.

// Figures of a confusion matrix; undefined ones are NaN. The same names and formulas as in fitwell.metrics.
function figuresOf([tn, fp, fn, tp], costs) {
  const total = tn + fp + fn + tp;
  const recall = tp / (tp + fn);
  const specificity = tn / (tn + fp);
  const chance = ((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn)) / (total * total);
  const accuracy = (tp + tn) / total;
  return {
    accuracy,
    balanced_accuracy: (recall + specificity) / 2,
    precision: tp / (tp + fp),
    recall,
    f1: (2 * tp) / (2 * tp + fp + fn),
    specificity,
    mcc: (tp * tn - fp * fn) / Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    cohen_kappa: (accuracy - chance) / (1 - chance),
    predicted_positive: (tp + fp) / total,
    false_positive_rate: 1 - specificity,
    cost: costs ? (costs[0] * fp + costs[1] * fn) / total : NaN,
  };
}

function shown(value, digits) {
  if (!Number.isFinite(value)) {
    return "–";
  }
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace("-", "−");
}

function setUpPanel(panel, stops) {
  const slider = panel.querySelector("input[type=range]");
  const output = panel.querySelector("output");
  const back = panel.querySelector("button.back");

  function move() {
    const stop = Number(slider.value);
    const threshold = stops.thresholds[stop];
    const figures = { ...figuresOf(stops.cells[stop], stops.costs), threshold };
    output.textContent = String(Number(threshold.toPrecision(3)));
    slider.setAttribute("aria-valuetext", `threshold ${output.textContent}`);
    back.disabled = stop === stops.chosen;
    for (const cell of panel.querySelectorAll("[data-cell]")) {
      cell.textContent = stops.cells[stop][Number(cell.dataset.cell)].toLocaleString("en-US", { maximumFractionDigits: 2 });
    }
    for (const cell of panel.querySelectorAll("[data-figure]")) {
      cell.textContent = shown(figures[cell.dataset.figure], 3);
    }
    for (const word of panel.querySelectorAll("[data-percent]")) {
      word.textContent = `${shown(100 * figures[word.dataset.percent], 0)}\u00a0%`;
    }
    for (const word of panel.querySelectorAll("[data-of-hundred]")) {
      word.textContent = shown(100 * figures[word.dataset.ofHundred], 0);
    }
    for (const picture of panel.querySelectorAll("[data-follows]")) {
      follow(picture, figures);
    }
  }

  slider.disabled = false;
  slider.addEventListener("input", move);
  back.addEventListener("click", () => {
    slider.value = String(stops.chosen);
    move();
    slider.focus();
  });
  move();
}

// Axes go from 0 to 1, so a figure is a share of the plot's width or height.
function follow(picture, figures) {
  const [across, up] = picture.dataset.follows.split(" ");
  const [width, height] = picture.dataset.size.split(" ").map(Number);
  const x = figures[across] * width;
  const y = up ? (1 - figures[up]) * height : 0;
  const mark = picture.querySelector("[data-moves] > *");
  const known = Number.isFinite(x) && Number.isFinite(y);
  mark.setAttribute("visibility", known ? "visible" : "hidden");
  if (known) {
    mark.setAttribute("transform", `translate(${x},${y})`);
  }
}

function setUpTheme() {
  const button = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  }
  function show() {
    button.setAttribute("aria-pressed", String(isDark()));
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
}

setUpTheme();
for (const stops of JSON.parse(document.getElementById("thresholds")?.textContent ?? "[]")) {
  setUpPanel(document.querySelector(`[data-panel="${stops.id}"]`), stops);
}
