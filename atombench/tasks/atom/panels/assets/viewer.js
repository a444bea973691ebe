// Viewer of one case and one method: planes of the volume, the volume in 3D, and scores of the boxes, drawn by plotly.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("cases").textContent);
  const AXES = ["i", "j", "k"], ACROSS = [[1, 2], [0, 2], [0, 1]];
  const TRUE = "#2a9d5c", ANSWERED = "#d1701b", BOX = "#1f77b4", FONT = {color: "#7a7f87", family: "system-ui, sans-serif"};
  const QUIET = {displayModeBar: false, responsive: true};
  const element = (id) => document.getElementById(id);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const sliders = AXES.map((axis) => element(`plane-${axis}`));
  const layout = (more) => ({
    margin: {l: 42, r: 5, t: 5, b: 42}, width: 270, height: 270, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: FONT, showlegend: false, ...more,
  });
  const square = (title, upwards) => ({
    xaxis: {title: {text: title, standoff: 2}, showgrid: false, zeroline: false, constrain: "domain"},
    yaxis: {title: {text: upwards, standoff: 2}, showgrid: false, zeroline: false, scaleanchor: "x", constrain: "domain"},
  });
  const closed = (points) => [...points, points[0]];
  const line = (points, colour, width, dash = "solid") => ({
    type: "scatter", mode: "lines", x: closed(points).map((p) => p[0]), y: closed(points).map((p) => p[1]), hoverinfo: "skip",
    line: {color: colour, width, dash},
  });
  const boxOf = (number) => {
    const low = data.starts[number].map((start) => start - 0.5);
    return {low, high: low.map((start) => start + data.box)};
  };
  const rectangle = (box, a, b) => [
    [box.low[a], box.low[b]], [box.high[a], box.low[b]], [box.high[a], box.high[b]], [box.low[a], box.high[b]],
  ];
  const chosen = () => {
    const shown = data.cases[Number(element("case").value)], method = data.methods[Number(element("method").value)];
    return {shown, method, answer: method?.answers[shown.section]};
  };

  const drawPlanes = (plotly) => {
    const {shown, answer} = chosen(), edge = data.edge, voxels = bytes(shown.voxels);
    AXES.forEach((axis, number) => {
      const [a, b] = ACROSS[number], at = Number(sliders[number].value);
      sliders[number].nextElementSibling.value = at;
      const index = (u, v) => {
        const voxel = [0, 0, 0];
        [voxel[number], voxel[a], voxel[b]] = [at, u, v];
        return (voxel[0] * edge + voxel[1]) * edge + voxel[2];
      };
      const z = Array.from({length: edge}, (_, v) => Array.from({length: edge}, (_, u) => voxels[index(u, v)]));
      const traces = [{type: "heatmap", z, zmin: 0, zmax: 255, colorscale: [[0, "#000"], [1, "#fff"]], showscale: false,
        hovertemplate: `${AXES[a]} %{x}, ${AXES[b]} %{y}: %{z}<extra></extra>`}];
      traces.push(line(shown.corners.map((p) => [p[a], p[b]]), TRUE, 6));
      if (answer) traces.push(line(rectangle(boxOf(answer.box), a, b), BOX, 3, "dash"));
      if (answer?.corners) traces.push(line(answer.corners.map((p) => [p[a], p[b]]), ANSWERED, 2));
      plotly.react(`view-${axis}`, traces, layout(square(AXES[a], AXES[b])), QUIET);
    });
  };

  const drawScores = (plotly) => {
    const {answer} = chosen();
    AXES.forEach((axis, number) => {
      const [a, b] = ACROSS[number], best = Array.from({length: 9}, () => new Array(9).fill(0));
      if (answer) bytes(answer.scores).forEach((score, box) => {
        const cell = data.cells[box];
        best[cell[b]][cell[a]] = Math.max(best[cell[b]][cell[a]], score);
      });
      const trace = {type: "heatmap", z: best, zmin: 0, zmax: 255, colorscale: "Viridis", showscale: false,
        hovertemplate: `${AXES[a]} %{x}, ${AXES[b]} %{y}: %{z} of 255<extra></extra>`};
      plotly.react(`scores-${axis}`, [trace], layout(square(AXES[a], AXES[b])), QUIET);
    });
  };

  const frameOfSection = () => {
    const {xaxis, yaxis} = square("a", "b");
    return {xaxis, yaxis: {...yaxis, autorange: "reversed"}};
  };
  const drawSection = (plotly) => {
    const {shown} = chosen(), side = data.section, pixels = bytes(shown.pixels);
    const z = Array.from({length: side}, (_, row) => Array.from(pixels.slice(row * side, (row + 1) * side)));
    const trace = {type: "heatmap", z, zmin: 0, zmax: 255, colorscale: [[0, "#000"], [1, "#fff"]], showscale: false};
    plotly.react("pixels", [trace], layout({...frameOfSection(), width: 270, height: 270}), QUIET);
  };

  const sheet = (corners, colour) => ({
    type: "mesh3d", x: corners.map((p) => p[0]), y: corners.map((p) => p[1]), z: corners.map((p) => p[2]), i: [0, 0], j: [1, 2],
    k: [2, 3], color: colour, opacity: 0.9, hoverinfo: "skip",
  });
  const frame = ({low, high}) => {
    const at = (bits) => bits.map((bit, axis) => (bit ? high : low)[axis]);
    const path = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 1, 1],
      [1, 1, 0], [1, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1], [0, 0, 1]].map(at);
    return {type: "scatter3d", mode: "lines", x: path.map((p) => p[0]), y: path.map((p) => p[1]), z: path.map((p) => p[2]),
      line: {color: BOX, width: 4}, hoverinfo: "skip"};
  };
  const hasWebGl = () => {
    try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
  };
  const draw3d = (plotly) => {
    const container = element("view-3d");
    if (!hasWebGl()) { container.textContent = "This browser cannot draw 3D (WebGL is off); the three planes show the same data."; return; }
    const {shown, answer} = chosen(), edge = data.edge, step = Math.max(1, Math.round(edge / 20)), voxels = bytes(shown.voxels);
    const x = [], y = [], z = [], value = [];
    for (let i = 0; i < edge; i += step) for (let j = 0; j < edge; j += step) for (let k = 0; k < edge; k += step) {
      x.push(i); y.push(j); z.push(k); value.push(voxels[(i * edge + j) * edge + k]);
    }
    const traces = [
      {type: "isosurface", x, y, z, value, isomin: 60, isomax: 220, surface: {count: 3}, opacity: 0.18, showscale: false,
        colorscale: [[0, "#8a8f98"], [1, "#b9bec6"]], caps: {x: {show: false}, y: {show: false}, z: {show: false}}, hoverinfo: "skip"},
      sheet(shown.corners, TRUE),
    ];
    if (answer?.corners) traces.push(sheet(answer.corners, ANSWERED));
    if (answer) traces.push(frame(boxOf(answer.box)));
    const axis = (text) => ({title: {text}, range: [-0.5, edge - 0.5], showbackground: false});
    const scene = {aspectmode: "cube", xaxis: axis("i"), yaxis: axis("j"), zaxis: axis("k")};
    plotly.react(container, traces, layout({scene, margin: {l: 0, r: 0, t: 0, b: 0}, width: 290, height: 290}), QUIET);
  };

  const verdict = () => {
    const {shown, method, answer} = chosen();
    const answerText = !method ? "" : !answer ? `${method.name} has no answer to this case.` : answer.rank === 1
      ? `${method.name} is correct: its best box contains the section.`
      : `${method.name} is wrong: the best correct box has rank ${answer.rank} of ${data.starts.length}.`;
    element("verdict").textContent = `${shown.boxes.length} of ${data.starts.length} boxes are correct. ${answerText}`;
  };
  const toSection = () => {
    const {shown} = chosen();
    sliders.forEach((slider, axis) => {
      slider.max = data.edge - 1;
      slider.value = Math.min(Math.max(Math.round(shown.centre[axis]), 0), data.edge - 1);
    });
  };
  const write = () => {
    const state = new URLSearchParams({case: element("case").value, method: data.methods[Number(element("method").value)]?.name ?? ""});
    history.replaceState(null, "", `#${state}`);
  };
  const read = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    if (data.cases[Number(state.get("case") ?? 0)]) element("case").value = state.get("case") ?? "0";
    const wanted = data.methods.findIndex((method) => method.name === state.get("method"));
    if (wanted >= 0) element("method").value = String(wanted);
  };
  read();
  toSection();
  document.querySelector(".needs-script").hidden = false;
  verdict();
  window.loadPlotly().then((plotly) => {
    const everything = () => { drawSection(plotly); drawPlanes(plotly); drawScores(plotly); draw3d(plotly); verdict(); };
    everything();
    element("case").addEventListener("change", () => { toSection(); everything(); write(); });
    element("method").addEventListener("change", () => { everything(); write(); });
    element("centre").addEventListener("click", () => { toSection(); drawPlanes(plotly); });
    sliders.forEach((slider) => slider.addEventListener("input", () => drawPlanes(plotly)));
    document.documentElement.dataset.ready = "";
  }, (error) => { element("verdict").textContent = error.message; });
})();
