// Draws every [data-chart] figure with ECharts as SVG; follows theme and size, saves PNG, and leads from a mark to its records.
const dark = () => document.documentElement.dataset.bsTheme === "dark";
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
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
  const number = (short ? compact : plain).format(value);
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

function option(definition) {
  const made = structuredClone(definition.option);
  const { unit } = definition;
  made.tooltip = { ...made.tooltip, valueFormatter: (value) => written(value, unit) };
  for (const axis of [made.xAxis, made.yAxis]) {
    if (axis?.type === "value" && unit === "bytes") axis.interval = binaryStep(made.series, Boolean(made.series[0]?.stack));
    if (axis?.type === "value") axis.axisLabel = { ...axis.axisLabel, formatter: (value) => written(value, unit, true) };
  }
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) made.animation = false;
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
    chart.setOption(option(definition));
    chart.on("click", (mark) => {
      if (mark.data?.link) location.assign(mark.data.link);
    });
  };
  redraw();
  document.addEventListener("themechange", redraw);
  new ResizeObserver(() => chart.resize()).observe(picture);
  figure.querySelector("[data-chart-png]")?.addEventListener("click", (event) => savePng(chart, event.currentTarget.dataset.chartPng));
}

function savePng(chart, name) {
  const scale = 2;
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    canvas.width = chart.getWidth() * scale;
    canvas.height = chart.getHeight() * scale;
    const pen = canvas.getContext("2d");
    pen.fillStyle = dark() ? "#151a22" : "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
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
