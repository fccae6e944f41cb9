// Line charts: the server has drawn them; where there is script, uPlot takes over and shows the value under the pointer.
"use strict";

(() => {
  if (!window.uPlot) return;
  const token = (name, place) => getComputedStyle(place).getPropertyValue(name).trim();
  const seriesColour = (number, place) => token(`--series-${number}`, place);

  function draw(figure) {
    const data = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
    const frame = figure.querySelector(".chart__frame");
    let live = figure.querySelector(".chart__live");
    if (live) live.replaceChildren();
    else {
      live = document.createElement("div");
      live.className = "chart__live";
      live.setAttribute("aria-hidden", "true");
      frame.after(live);
      frame.hidden = true;
    }
    const font = `13px ${getComputedStyle(figure).fontFamily}`;
    const axis = { stroke: token("--ink-3", figure), font, ticks: { show: false } };
    const tip = document.createElement("div");
    tip.className = "chart__tip";
    tip.hidden = true;

    const plot = new window.uPlot(
      {
        width: live.clientWidth,
        height: live.clientHeight,
        padding: [8, Math.min(64, 8 + 3.6 * (data.labels.at(-1) || "").length), 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
        scales: {
          x: { time: false },
          y: { range: [data.ticks[0], data.ticks[data.ticks.length - 1]] },
        },
        axes: [
          {
            ...axis,
            size: 30,
            gap: 8,
            grid: { show: false },
            splits: () => thinned(data.labels.length, Math.max(2, Math.floor(live.clientWidth / 110))),
            values: (_, splits) => splits.map((place) => data.labels[place]),
          },
          {
            ...axis,
            grid: { stroke: token("--line", figure), width: 1 },
            splits: () => data.ticks,
            values: () => data.tick_labels,
            size: (_, values) => 14 + 7.5 * Math.max(...(values || ["0"]).map((value) => value.length)),
          },
        ],
        series: [
          {},
          ...data.series.map((line, index) => ({
            label: line.label,
            stroke: seriesColour(index + 1, figure),
            width: 2.25,
            fill: index === 0 ? withAlpha(seriesColour(1, figure)) : undefined,
            points: { show: false },
          })),
        ],
        hooks: { setCursor: [(u) => show(u)] },
      },
      [data.labels.map((_, place) => place), ...data.series.map((line) => line.values)],
      live,
    );
    plot.over.append(tip);

    function show(u) {
      const place = u.cursor.idx;
      tip.hidden = place == null;
      if (place == null) return;
      const head = document.createElement("strong");
      head.textContent = data.labels[place];
      tip.replaceChildren(
        head,
        ...data.series.map((line, index) => {
          const row = document.createElement("span");
          row.className = `chart__key chart__key--${index + 1}`;
          row.textContent = `${data.series.length > 1 ? `${line.label} ` : ""}${data.texts[index][place] ?? "–"}`;
          return row;
        }),
      );
      const left = Math.min(u.cursor.left + 14, u.over.clientWidth - tip.offsetWidth);
      tip.style.transform = `translate(${Math.max(0, left)}px, 4px)`;
    }
    return plot;
  }

  function thinned(count, most) {
    if (count <= most) return [...Array(count).keys()];
    return [...Array(most).keys()].map((step) => Math.round((step * (count - 1)) / (most - 1)));
  }

  function withAlpha(hex) {
    return /^#[0-9a-f]{6}$/i.test(hex) ? `${hex}18` : undefined;
  }

  const plots = new Map();
  const seen = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const live = entry.target.querySelector(".chart__live");
      const plot = plots.get(entry.target);
      if (plot && live.clientWidth && live.clientWidth !== plot.width) {
        plot.setSize({ width: live.clientWidth, height: live.clientHeight });
      }
    }
  });
  function start(place) {
    for (const figure of place.querySelectorAll("figure[data-chart]")) {
      if (plots.has(figure)) continue;
      plots.set(figure, draw(figure));
      seen.observe(figure);
    }
  }
  function again() {
    for (const figure of plots.keys()) plots.set(figure, draw(figure));
  }
  start(document);
  document.addEventListener("htmx:load", (event) => start(event.detail.elt));
  document.addEventListener("schemechange", again);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
})();
