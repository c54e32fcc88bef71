// Completion of tables, columns and keywords in the CQL editor; everything else works without a script.
document.addEventListener("DOMContentLoaded", () => {
  const editor = document.getElementById("statement"), list = document.getElementById("suggestions");
  if (!editor || !list) return;
  const words = JSON.parse(editor.dataset.words);
  let chosen = 0, shown = [];
  const prefix = () => /[\w.]*$/.exec(editor.value.slice(0, editor.selectionStart))[0];
  const close = () => {
    shown = [];
    list.hidden = true;
    list.replaceChildren();
    editor.removeAttribute("aria-activedescendant");
  };
  const mark = (number) => {
    chosen = (number + shown.length) % shown.length;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
    editor.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
  };
  const suggest = () => {
    const typed = prefix().toLowerCase();
    shown = typed ? words.filter((word) => {
      const known = word.toLowerCase();
      return known !== typed && (known.startsWith(typed) || known.split(".")[1]?.startsWith(typed));
    }).slice(0, 8) : [];
    if (!shown.length) return close();
    list.replaceChildren(...shown.map((word, at) => {
      const item = document.createElement("li");
      item.id = `suggestion-${at}`;
      item.setAttribute("role", "option");
      item.textContent = word;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
      return item;
    }));
    list.hidden = false;
    mark(0);
  };
  const take = (number) => {
    const start = editor.selectionStart - prefix().length;
    editor.setRangeText(shown[number] + " ", start, editor.selectionStart, "end");
    close();
    editor.dispatchEvent(new Event("change", { bubbles: true }));
  };
  editor.addEventListener("input", suggest);
  editor.addEventListener("blur", close);
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      editor.form.requestSubmit();
    } else if (shown.length) {
      if (event.key === "ArrowDown") mark(chosen + 1);
      else if (event.key === "ArrowUp") mark(chosen - 1);
      else if (event.key === "Enter" || event.key === "Tab") take(chosen);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    }
  });
});
