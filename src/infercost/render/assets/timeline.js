// Draws one chart a panel of the chosen policy; their cursors and zooms move together.
(() => {
  const box = document.getElementById("charts");
  const choice = document.getElementById("policy");
  if (!box || !plans.length) return;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const two = (v) => String(v).padStart(2, "0");
  const clock = (s, seconds) => {
    const day = Math.floor(s / 86400), h = Math.floor(s % 86400 / 3600), m = Math.floor(s % 3600 / 60);
    const time = h + ":" + two(m) + (seconds ? ":" + two(Math.floor(s % 60)) : "");
    return day ? "day " + (day + 1) + " " + time : time;
  };
  const figure = (v) => v == null ? "-" : v.toLocaleString("en", { maximumSignificantDigits: 4 });
  const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 2592000];
  let charts = [];
  const draw = () => {
    charts.forEach((chart) => chart.destroy());
    box.replaceChildren();
    const plan = plans[choice ? Number(choice.value) : 0];
    const sync = uPlot.sync("time");
    charts = plan.panels.map((panel, i) => {
      const holder = document.createElement("div");
      holder.className = "panel";
      const title = document.createElement("h3");
      title.textContent = panel.title;
      holder.append(title);
      box.append(holder);
      const axis = { stroke: css("--quiet"), grid: { stroke: css("--rule"), width: 1 }, ticks: { stroke: css("--rule") } };
      return new uPlot({
        width: box.clientWidth,
        height: i < 2 ? 170 : 120,
        cursor: { sync: { key: sync.key, setSeries: false } },
        scales: { x: { time: false }, y: { range: (u, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
        axes: [{ ...axis, incrs: steps, values: (u, ticks) => ticks.map((s) => clock(s, ticks.some((t) => t % 60))) }, { ...axis, size: 70, space: 20, values: (u, ticks) => ticks.map(figure) }],
        series: [
          { label: "at", value: (u, v) => v == null ? "-" : clock(v, plan.at[1] % 60) },
          { label: panel.title, stroke: css("--line"), width: 1.5, value: (u, v) => figure(v), points: { show: false },
            paths: panel.title.startsWith("replicas") ? uPlot.paths.stepped({ align: 1 }) : undefined },
        ],
        hooks: { setScale: [(u, key) => {
          if (key !== "x") return;
          const { min, max } = u.scales.x;
          charts.forEach((other) => {
            if (other !== u && (other.scales.x.min !== min || other.scales.x.max !== max)) other.setScale("x", { min, max });
          });
        }] },
      }, [plan.at, panel.values], holder);
    });
  };
  draw();
  if (choice) choice.addEventListener("change", draw);
  let timer;
  addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(draw, 150); });
})();
