// Draws every [data-chart] figure with ECharts as SVG; follows theme and size, saves PNG, and leads from a mark to its records.
const dark = () => document.documentElement.dataset.bsTheme === "dark";
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 4 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(value) {
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${plain.format(Number(value.toPrecision(3)))} ${units[unit]}`;
}

function written(value, unit, short = false) {
  if (value === null || value === undefined || Number.isNaN(value)) return "no data";
  if (unit === "bytes") return bytes(Number(value));
  // Below ten, two digits would make one number of 1.003 and 0.997.
  const number = (Math.abs(value) < 10 ? fine : short ? compact : plain).format(value);
  return short || !unit ? number : `${number} ${unit}`;
}

function colours() {
  return dark()
    ? { text: "#e4e8ee", muted: "#9ba4b4", line: "#262d39", ground: "#1c222d" }
    : { text: "#1c2330", muted: "#5d6676", line: "#e2e6ec", ground: "#ffffff" };
}

function theme() {
  const { text, muted, line, ground } = colours();
  const axis = {
    axisLine: { lineStyle: { color: line } },
    axisTick: { show: false },
    axisLabel: { color: muted },
    nameTextStyle: { color: muted },
    splitLine: { lineStyle: { color: line } },
  };
  return {
    backgroundColor: "transparent",
    textStyle: { color: text, fontFamily: "Inter, system-ui, sans-serif" },
    legend: { textStyle: { color: text }, pageTextStyle: { color: muted }, inactiveColor: muted },
    categoryAxis: { ...axis, splitLine: { show: false } },
    valueAxis: { ...axis, axisLine: { show: false } },
    logAxis: { ...axis, axisLine: { show: false } },
    visualMap: { textStyle: { color: muted } },
    scatter: { label: { color: text } },
    funnel: { label: { color: text }, itemStyle: { borderColor: "transparent" } },
    boxplot: { itemStyle: { color: dark() ? "#2a3f8f" : "#dbe4ff", borderColor: dark() ? "#9db2ff" : "#3b5bdb" } },
    markLine: { lineStyle: { color: muted } },
    pie: { label: { color: text } },
    tooltip: { backgroundColor: ground, borderColor: line, textStyle: { color: text } },
  };
}

// Steps of a size axis are round in binary units, not in thousands.
function binaryStep(series, stacked) {
  const lists = series.map((one) => one.data.map((mark) => Number(mark.value) || 0));
  const totals = stacked ? lists[0].map((_, index) => lists.reduce((sum, list) => sum + list[index], 0)) : lists.flat();
  const top = Math.max(...totals, 1);
  return 2 ** Math.ceil(Math.log2(top / 4));
}

// One colour from the ground up; around a middle, two that both people with few colours tell apart.
function scale(middle) {
  if (middle) return dark() ? ["#4dabf7", "#2b3444", "#f08c3a"] : ["#1c7ed6", "#eef0f4", "#d9620d"];
  return dark() ? ["#222c42", "#4c6ef5", "#c5d0ff"] : ["#e7ecff", "#748ffc", "#2b45b0"];
}

const quartiles = ["lowest", "first quartile", "median", "third quartile", "highest"];
const tips = {
  scatter: ({ name, value }, { units, names }) =>
    [name, ...value.map((one, index) => `${names[index]}: ${written(one, units[index])}`)].join("\n"),
  heat: ({ value }, { unit, rows, columns }) => `${rows[value[1]]}, ${columns[value[0]]}\n${written(value[2], unit)}`,
  box: ({ name, data }, { unit }) =>
    [name, ...quartiles.map((title, index) => `${title}: ${written(data.value[index], unit)}`)].join("\n"),
};

function shape(made, definition) {
  const { kind, unit, units, names } = definition;
  const told = { unit, units, names, rows: made.yAxis?.data, columns: made.xAxis?.data };
  if (tips[kind]) made.tooltip.formatter = (mark) => tips[kind](mark, told);
  if (made.visualMap) {
    made.visualMap.inRange = { color: scale(definition.middle) };
    made.visualMap.text = [made.visualMap.max, made.visualMap.min].map((end) => written(end, unit, true));
  }
}

function option(definition) {
  const made = structuredClone(definition.option);
  const { unit } = definition;
  made.tooltip = { ...made.tooltip, valueFormatter: (value) => written(value, unit) };
  shape(made, definition);
  for (const axis of [made.xAxis, made.yAxis]) {
    if (axis?.type === "value" && unit === "bytes") axis.interval = binaryStep(made.series, Boolean(made.series[0]?.stack));
    if (axis?.type === "value" || axis?.type === "log") axis.axisLabel = { ...axis.axisLabel, formatter: (value) => written(value, unit, true) };
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) made.animation = false;
  return made;
}

const letter = 6.4; // pixels of a usual one
const legendMark = 40;
const legendLine = 22;

// What tells names apart often stands at their ends, so a long one loses its middle; a count behind it stays.
function cut(name, room) {
  const [, title, count = ""] = /^(.*?)( \([\d,]+\))?$/.exec(name);
  const most = Math.max(Math.floor(room / letter) - count.length, 7);
  if (title.length <= most) return name;
  const tail = Math.floor((most - 1) / 2);
  return `${title.slice(0, most - 1 - tail).trimEnd()}…${title.slice(-tail).trimStart()}${count}`;
}

// In a narrow picture a legend takes further lines, instead of hiding names behind arrows.
function legendInLines(made, width) {
  const { legend, grid, series } = made;
  if (!legend?.show || !grid || legend.top === undefined) return;
  const wanted = series.reduce((sum, one) => sum + one.name.length * letter + legendMark, 0);
  const lines = Math.ceil(wanted / width);
  if (lines < 2 || lines > 4) return;
  legend.type = "plain";
  grid.top += (lines - 1) * legendLine;
}

// Long names get a third of the picture, and are cut where that is not enough; names beside points need room.
function fitted(made, width) {
  const { yAxis } = made;
  const room = Math.round(width / 3);
  if (yAxis?.type === "category") yAxis.axisLabel = { ...yAxis.axisLabel, formatter: (name) => cut(name, room) };
  legendInLines(made, width);
  if (made.series[0]?.type === "scatter") made.series[0].label.show = width > 560;
  return made;
}

function draw(figure) {
  const picture = figure.querySelector("[data-chart-picture]");
  if (!picture) return;
  const definition = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  let chart = null;
  const redraw = () => {
    chart?.dispose();
    chart = echarts.init(picture, theme(), { renderer: "svg" });
    chart.setOption(fitted(option(definition), picture.clientWidth));
    chart.on("click", (mark) => {
      if (mark.data?.link) location.assign(mark.data.link);
    });
  };
  redraw();
  document.addEventListener("themechange", redraw);
  new ResizeObserver(() => chart.resize()).observe(picture);
  figure.querySelector("[data-chart-png]")?.addEventListener("click", (event) => savePng(chart, figure, event.currentTarget.dataset.chartPng));
}

const margin = 16;
const lineHeight = 22;

// "As of 30 s ago" is true on a page, not on a picture that lasts: it gets the moment itself.
function lasting(heading) {
  const copy = heading.cloneNode(true);
  copy.querySelectorAll("time[title]").forEach((time) => time.replaceWith(time.title));
  return copy.textContent.replaceAll(/\s+/g, " ").trim();
}

function wrapped(pen, text, width) {
  return text.split(" ").filter(Boolean).reduce((lines, word) => {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && pen.measureText(longer).width > width) return [...lines, word];
    return [...lines.slice(0, -1), longer];
  }, []);
}

// The lines above a saved picture, which elsewhere stands alone.
function headingOf(figure, width) {
  const pen = document.createElement("canvas").getContext("2d");
  return [...figure.querySelectorAll(".card-title, .card-subtitle")].flatMap((heading) => {
    const { color, fontWeight, fontSize, fontFamily } = getComputedStyle(heading);
    const font = `${fontWeight} ${fontSize} ${fontFamily}`;
    pen.font = font;
    return wrapped(pen, lasting(heading), width - 2 * margin).map((text) => ({ text, color, font }));
  });
}

function savePng(chart, figure, name) {
  const scale = 2;
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    const heading = headingOf(figure, chart.getWidth());
    const headed = margin + heading.length * lineHeight;
    canvas.width = chart.getWidth() * scale;
    canvas.height = (headed + chart.getHeight()) * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = dark() ? "#151a22" : "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    heading.forEach(({ text, color, font }, line) => {
      Object.assign(pen, { fillStyle: color, font });
      pen.fillText(text, margin, (line + 1) * lineHeight);
    });
    pen.drawImage(image, 0, headed, chart.getWidth(), chart.getHeight());
    const link = document.createElement("a");
    link.download = `${name}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  });
  image.src = chart.getDataURL({ type: "svg" });
}

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.nonce = document.querySelector("script[nonce]").nonce;
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}

const figures = [...document.querySelectorAll("[data-chart]")];
if (figures.length) {
  if (!globalThis.echarts) await load(figures[0].dataset.echarts);
  figures.forEach(draw);
}
