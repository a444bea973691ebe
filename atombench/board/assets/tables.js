// Sort, search and filter a table, choose its columns and open rows; the state is kept in the URL fragment.
"use strict";
(() => {
  const MANY = 100;  // rows per page
  const table = document.querySelector("table[data-table]");
  if (!table) return;
  const form = document.querySelector(".tools");
  const heads = [...table.tHead.rows[0].cells];
  const keys = heads.map((head) => head.dataset.key);
  const source = document.getElementById("provenance");
  const defaults = new Set(heads.filter((head) => !("hidden" in head.dataset)).map((head) => head.dataset.key));
  const all = (selector) => [...form.querySelectorAll(selector)];
  const search = form.querySelector("[data-search]");

  const api = new DataTable(table, {
    paging: table.tBodies[0].rows.length > MANY, pageLength: MANY, lengthMenu: [MANY, {label: "all", value: -1}],
    autoWidth: false, order: [], orderMulti: false,
    layout: {topStart: null, topEnd: null, bottomStart: "pageLength", bottomEnd: "paging"},
    columnDefs: heads.map((head, number) => ({
      targets: number, orderable: !("fixed" in head.dataset), visible: defaults.has(head.dataset.key),
      type: "number" in head.dataset ? "num" : "string", searchable: !("number" in head.dataset || "fixed" in head.dataset),
      orderSequence: "falling" in head.dataset ? ["desc", "asc"] : ["asc", "desc"],
    })),
    language: {emptyTable: "no results", zeroRecords: "no matching rows", lengthMenu: "_MENU_ rows per page"},
  });

  const nodes = api.rows().nodes().toArray();
  for (const select of all("[data-filter]")) {
    const name = select.dataset.filter;
    api.search.fixed(name, (text, data, index) => {
      const has = api.row(index).node().dataset[name] ?? "";
      return !select.value || has === select.value || has.split(" ").includes(select.value);
    });
  }

  // Opened rows: provenance of the numbers.
  const lines = source ? JSON.parse(source.textContent) : {};
  const details = (method) => {
    const box = document.createElement("div");
    for (const run of lines[method] ?? []) {
      const list = document.createElement("dl");
      list.className = "provenance";
      for (const [label, text] of run) {
        const term = document.createElement("dt"), value = document.createElement("dd");
        term.textContent = label;
        value.textContent = text;
        list.append(term, value);
      }
      box.append(list);
    }
    return box;
  };
  const open = new Set();
  const toggle = (node, button) => {
    const row = api.row(node), method = node.dataset.method;
    if (row.child.isShown()) { row.child.hide(); open.delete(method); }
    else { row.child(details(method), "opened").show(); open.add(method); }
    button.setAttribute("aria-expanded", String(open.has(method)));
  };
  for (const node of nodes) {
    if (!Object.hasOwn(lines, node.dataset.method ?? "")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "open";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `Provenance of the numbers of ${node.dataset.method}`);
    button.addEventListener("click", () => { toggle(node, button); write(); });
    node.querySelector("th").prepend(button);
  }

  // State in the URL fragment.
  const write = () => {
    const state = new URLSearchParams();
    const [order] = api.order();
    if (order && order[1]) state.set("sort", `${keys[order[0]]}.${order[1]}`);
    if (search.value) state.set("q", search.value);
    for (const select of all("[data-filter]")) if (select.value) state.set(select.dataset.filter, select.value);
    const shown = keys.filter((key, number) => api.column(number).visible());
    if (shown.length !== defaults.size || !shown.every((key) => defaults.has(key))) {
      state.set("columns", shown.filter((key) => form.querySelector(`[data-column="${CSS.escape(key)}"]`)).join("."));
    }
    if (open.size) state.set("open", JSON.stringify([...open]));
    const hash = state.toString();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  const read = () => {
    if (location.hash && !location.hash.includes("=")) return showCount();  // an anchor on the page
    const state = new URLSearchParams(location.hash.slice(1));
    search.value = state.get("q") ?? "";
    for (const select of all("[data-filter]")) {
      const wanted = state.get(select.dataset.filter) ?? "";
      select.value = [...select.options].some((option) => option.value === wanted) ? wanted : "";
    }
    const columns = state.has("columns") ? new Set(state.get("columns").split(".")) : defaults;
    for (const box of all("[data-column]")) box.checked = columns.has(box.dataset.column);
    const [key, direction] = (state.get("sort") ?? "").split(".");
    const wanted = keys.indexOf(key);
    apply(wanted >= 0 && ["asc", "desc"].includes(direction) ? [[wanted, direction]] : []);
    let opened = [];
    try { opened = JSON.parse(state.get("open") ?? "[]"); } catch { /* not a fragment written by this script */ }
    if (!Array.isArray(opened)) opened = [];
    for (const node of nodes) {
      const button = node.querySelector("button.open");
      if (button && opened.includes(node.dataset.method) !== open.has(node.dataset.method)) toggle(node, button);
    }
    write();
  };
  const apply = (order = null) => {
    for (const box of all("[data-column]")) {
      const column = api.column(keys.indexOf(box.dataset.column));
      if (column.visible() !== box.checked) column.visible(box.checked, false);
    }
    if (order) api.order(order);
    api.search(search.value).draw();
  };
  const count = form.querySelector("[data-count]");
  const showCount = () => { count.textContent = `${api.rows({search: "applied"}).count()} of ${nodes.length} shown`; };
  api.on("draw", showCount);
  api.on("order", write);
  search.addEventListener("input", () => { apply(); write(); });
  for (const control of all("[data-filter], [data-column]")) control.addEventListener("change", () => { apply(); write(); });
  for (const way of all("[data-way]")) way.addEventListener("change", () => { location.href = way.value + location.hash; });
  form.querySelector("[data-reset]").addEventListener("click", () => {
    history.replaceState(null, "", location.pathname + location.search);
    read();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", read);
  if (location.hash) read();
  else showCount();
  form.hidden = false;
  document.documentElement.dataset.ready = "";
  performance.mark("interactive");
})();
