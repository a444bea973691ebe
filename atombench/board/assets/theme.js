// Light or dark: the system's choice unless the reader makes another, which is kept where the browser allows it.
"use strict";
(() => {
  const names = {"": "as the system", light: "light", dark: "dark"};
  let theme = "";
  try { theme = localStorage.getItem("atombench-theme") ?? ""; } catch { /* storage is switched off */ }
  const apply = () => {
    if (theme in names && theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const say = () => { button.textContent = `Theme: ${names[theme] ?? names[""]}`; };
    button.hidden = false;
    say();
    button.addEventListener("click", () => {
      const order = Object.keys(names);
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try { localStorage.setItem("atombench-theme", theme); } catch { /* it lasts for this page */ }
      apply();
      say();
    });
  });
})();
