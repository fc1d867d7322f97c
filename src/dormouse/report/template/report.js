"use strict";
const plots = JSON.parse(document.getElementById("plots").textContent);
const settings = { responsive: true, displayModeBar: false, displaylogo: false, showTips: false };
for (const [id, plot] of Object.entries(plots)) {
  Plotly.newPlot(id, plot.data, plot.layout, settings);
}
// What is folded on screen must be on paper, and plots must take the paper's width.
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const id of Object.keys(plots)) Plotly.Plots.resize(id);
});
// A link to a claim opens it.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
}
window.addEventListener("hashchange", openTarget);
openTarget();
