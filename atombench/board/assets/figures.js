// Draw each figure when it comes near the viewport; load plotly with the first one.
"use strict";
(() => {
  let plotly = null;
  const load = () => plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${document.body.dataset.root}assets/plotly.min.js`;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.min.js cannot be read"));
    document.head.append(script);
  });
  window.loadPlotly = load;
  const draw = (data) => load().then((library) => {
    const figure = JSON.parse(data.textContent);
    library.newPlot(data.dataset.plot, figure.data, figure.layout, {responsive: true, displayModeBar: false});
  }, (error) => { document.getElementById(data.dataset.plot).textContent = error.message; });
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      draw(document.querySelector(`script[data-plot="${CSS.escape(entry.target.id)}"]`));
    }
  }, {rootMargin: "400px"});
  for (const plot of document.querySelectorAll(".plot[id]")) observer.observe(plot);
})();
