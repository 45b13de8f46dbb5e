// Draws charts without a browser, in V8: the text of static/js/charts.js goes where its name stands below, so that a
// chart looks the same on the page, in a PDF and in a mail. What it asks of a browser are its three arguments; the
// `document` must not be a global one, or ECharts would ask it for a canvas.
((document, matchMedia, structuredClone) => {
  (async () => {
    /* charts.js */
    globalThis.drawChart = (written, width, height, font) => {
      const definition = JSON.parse(written);
      const chosen = theme();
      chosen.textStyle.fontFamily = font;
      const chart = echarts.init(null, chosen, { renderer: "svg", ssr: true, width, height });
      chart.setOption({ ...option(definition), animation: false });
      const drawn = chart.renderToSVGString();
      chart.dispose();
      return drawn;
    };
  })();
})(
  { documentElement: { dataset: {} }, querySelectorAll: () => [], addEventListener() {} },
  () => ({ matches: true }),
  (value) => JSON.parse(JSON.stringify(value)),
);
