// Light or dark theme: the system setting unless the reader chooses another, which is stored if the browser allows it.
"use strict";
(() => {
  const names = {"": "system", light: "light", dark: "dark"};
  let theme = "";
  try { theme = localStorage.getItem("atombench-theme") ?? ""; } catch { /* storage is disabled */ }
  const apply = () => {
    if (theme in names && theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const showTheme = () => { button.textContent = `Theme: ${names[theme] ?? names[""]}`; };
    button.hidden = false;
    showTheme();
    button.addEventListener("click", () => {
      const order = Object.keys(names);
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try { localStorage.setItem("atombench-theme", theme); } catch { /* the choice applies to this page only */ }
      apply();
      showTheme();
    });
  });
})();
