// The page of the explorer: one view draws what the traits `structure` and `shown` say, and sends acts as messages.
// Every text goes in by textContent or as an attribute; nothing is looked up outside the view's own element.

let views = 0;
const PATIENCE = 5000; // milliseconds without a word of Python, after which the page says so

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, heard] of Object.entries(value)) node.addEventListener(event, heard);
    else if (name === "text") node.textContent = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const span = (name, text) => make("span", { class: name, text });
const button = (text, click, more = {}) => make("button", { type: "button", text, on: { click }, ...more });
// Not `disabled`: a button that can do no more for now is to keep the focus. Pressed, it changes nothing.
const rest = (one, whether) => one.setAttribute("aria-disabled", String(whether));
const percentage = (part) => `${(100 * Math.min(Math.max(part, 0), 1)).toFixed(3)}%`;

class View {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.id = `tb${(views += 1)}-${Math.random().toString(36).slice(2, 8)}`;
    this.structure = model.get("structure");
    this.acts = new Map(); // number of an act: when it was done
    this.last = 0;
    this.controls = new Map(); // variable: what writes its state into the page
    this.rows = new Map(); // cause: the parts of its row
    this.before = null; // what was shown before
    this.pieces = 0;
    this.sliding = { inFlight: false, next: null, drag: 0 };
    this.build();
    const change = () => this.show();
    const heard = (message) => this.piece(message);
    model.on("change:shown", change);
    model.on("msg:custom", heard);
    const unwatch = watchTheme(this.root);
    this.close = () => {
      model.off("change:shown", change);
      model.off("msg:custom", heard);
      unwatch();
      for (const timer of [this.asking, this.waiting, this.speaking]) clearTimeout(timer);
    };
    this.show();
  }

  // What goes out

  act(message) {
    const { next } = this.sliding;
    if (next && next !== message) {
      this.sliding.next = null;
      this.act(next); // a move that waits was made before this
    }
    this.last += 1;
    const act = `${this.id}:${this.last}`;
    this.acts.set(act, performance.now());
    this.root.dataset.settled = "false";
    this.send({ ...message, act });
  }

  ask() {
    const serial = this.shown.serial;
    clearTimeout(this.asking);
    // A moment in which the next click goes first.
    this.asking = setTimeout(() => this.send({ kind: "more", serial, place: this.pieces }), this.pieces ? 0 : 30);
  }

  send(message) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.unanswered(), PATIENCE);
    this.model.send(message);
  }

  // No kernel may be there: no question is to stand beside the answer to another case.
  unanswered() {
    this.silent = true;
    this.sliding = { ...this.sliding, inFlight: false, next: null };
    this.showControls();
    this.showNumbers();
    this.message.hidden = false;
    this.message.replaceChildren(
      make("strong", { text: "Python does not answer. " }),
      "It is busy, or no longer there: then run the cell, or load the page, again. Shown is the last answer, and its case.",
    );
  }

  answered() {
    clearTimeout(this.waiting);
    if (!this.silent) return;
    this.silent = false;
    this.showMessage();
  }

  // The page, once

  build() {
    this.live = make("p", { class: "tb-live", role: "status", "aria-live": "polite" });
    this.message = make("div", { class: "tb-message", role: "alert", hidden: true });
    this.about = span("tb-about", "");
    this.leaders = make("div", { class: "tb-leaders", "aria-hidden": "true" });
    this.hint = make("p", { class: "tb-hint", "aria-hidden": "true" });
    this.undo = button("Undo", () => this.shown.undo && this.act({ kind: "undo" }));
    this.redo = button("Redo", () => this.shown.redo && this.act({ kind: "redo" }));
    const tools = make(
      "div",
      { class: "tb-tools", role: "group", "aria-label": "The case" },
      this.undo,
      this.redo,
      button("Clear", () => this.act({ kind: "clear" })),
      button("Copy as Python", () => this.hand("code", "case.py", "Python code")),
      button("Export case (JSON)", () => this.hand("document", "case.json", "The case as JSON")),
    );
    this.out = make("div", { class: "tb-out", "data-panel": "out", hidden: true });
    this.root = make(
      "section",
      {
        class: "tb-explorer",
        "aria-label": "twitchbayes explorer",
        "data-settled": "false",
        "data-lm-suppress-shortcuts": "true",
      },
      make("header", { class: "tb-head" }, this.about, tools),
      this.out,
      this.message,
      this.live,
      this.leaders,
      make("div", { class: "tb-columns" }, this.buildQuestions(), this.buildAnswers()),
      make("p", { class: "tb-disclaimer", text: this.structure.disclaimer }),
    );
    this.root.addEventListener("keydown", keep);
    this.root.addEventListener("focusin", (event) => this.tell(event.target));
    this.root.addEventListener("mouseover", (event) => this.tell(event.target));
    this.el.replaceChildren(this.root);
  }

  buildQuestions() {
    this.next = this.panel("next", "Ask next");
    this.search = make("input", {
      type: "search",
      class: "tb-search",
      placeholder: "Filter questions",
      "aria-label": "Filter questions",
      on: { input: () => this.filter() },
    });
    this.found = span("tb-found", "");
    this.found.setAttribute("aria-live", "polite");
    this.sections = this.structure.sections.map((section) => {
      const count = span("tb-count", "");
      const inside = make("div", { class: "tb-entries" }, ...section.entries.map((entry) => this.buildEntry(entry)));
      const whole = make(
        "details",
        { class: "tb-section", open: section.open },
        make("summary", {}, span("tb-title", section.title), count),
        inside,
      );
      return { whole, count, section, open: section.open };
    });
    return make(
      "div",
      { class: "tb-questions", role: "region", "aria-label": "What is known" },
      this.next.whole,
      make("div", { class: "tb-filter" }, this.search, this.found),
      make("div", { class: "tb-scroll" }, ...this.sections.map(({ whole }) => whole)),
      this.hint,
    );
  }

  panel(name, title) {
    const body = make("div", { class: "tb-body" });
    const whole = make(
      "section",
      { class: "tb-panel", "data-panel": name, "aria-label": title },
      make("h3", { text: title }),
      body,
    );
    return { whole, body };
  }

  buildEntry(entry) {
    if (entry.members) return this.buildGroup(entry);
    if (entry.range) return this.buildNumber(entry);
    return entry.states.length > 4 ? this.buildSelect(entry) : this.buildChoice(entry);
  }

  described(entry) {
    const text = [entry.question, entry.definition].filter(Boolean).join(" ");
    return { "data-about": text, "data-find": `${entry.name} ${entry.label} ${entry.question}`.toLowerCase() };
  }

  buildChoice(entry) {
    const note = span("tb-note", "");
    const inputs = [...entry.states, ["", "unknown"]].map(([state, word]) => {
      const input = make("input", {
        type: "radio",
        name: `${this.id}-${entry.name}`,
        value: state,
        "data-state": state,
        on: { change: () => this.act({ kind: "say", variable: entry.name, value: state || null }) },
      });
      return [input, make("label", { class: "tb-option" }, input, span("tb-word", word))];
    });
    const field = make(
      "fieldset",
      { class: "tb-choice", "data-variable": entry.name, ...this.described(entry), "aria-description": entry.question },
      make("legend", {}, span("tb-label", entry.label), note),
      make("div", { class: "tb-options" }, ...inputs.map(([, label]) => label)),
    );
    field.addEventListener("keydown", (event) => this.letter(event, entry));
    this.controls.set(entry.name, {
      focus: () => (inputs.find(([input]) => input.checked) ?? inputs[0])[0].focus(),
      whole: field,
      write: (now) => {
        for (const [input] of inputs) input.checked = input.value === (now.state ?? "");
        field.dataset.state = now.state ?? "";
        // Several states at once, as "at least mild", are none of the options.
        const several = now.state !== undefined && !inputs.some(([input]) => input.checked);
        note.textContent = now.note || (several ? now.state.replaceAll("_", " ") : "");
      },
    });
    return field;
  }

  // y, n and u answer the question that has the focus.
  letter(event, entry) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    const word = { y: "yes", n: "no" }[key];
    const state = key === "u" ? null : entry.states.find((pair) => pair[1] === word)?.[0];
    if (state === undefined) return;
    event.preventDefault();
    this.act({ kind: "say", variable: entry.name, value: state });
  }

  buildSelect(entry) {
    const note = span("tb-note", "");
    const options = [["", "unknown"], ...entry.states].map(([value, text]) => make("option", { value, text }));
    const select = make("select", { "data-variable": entry.name }, ...options);
    select.addEventListener("change", () =>
      this.act({ kind: "say", variable: entry.name, value: select.value || null }),
    );
    return this.line(entry, select, note, (now) => {
      // Several states at once, as "at least mild", are no option until they are said.
      select.querySelector("[data-said]")?.remove();
      if (now.state && !entry.states.some(([name]) => name === now.state)) {
        const text = now.state.replaceAll("_", " ");
        select.append(make("option", { value: now.state, text, "data-said": "" }));
      }
      select.value = now.state ?? "";
    });
  }

  buildNumber(entry) {
    const note = span("tb-note", "");
    const input = make("input", {
      type: "number",
      "data-variable": entry.name,
      min: entry.range[0],
      max: entry.range[1],
      step: "any",
      placeholder: "unknown",
      inputmode: "decimal",
    });
    let typing = false; // an answer to something else that comes meanwhile is not to overwrite it
    input.addEventListener("input", () => (typing = true));
    input.addEventListener("blur", () => (typing = false));
    input.addEventListener("change", () => {
      typing = false;
      const value = input.value === "" ? null : Number(input.value);
      this.act({ kind: "say", variable: entry.name, value: input.validity.badInput ? "no number" : value });
    });
    const unknown = button("unknown", () => this.act({ kind: "say", variable: entry.name, value: null }), {
      class: "tb-quiet",
      "aria-label": `${entry.label}: unknown`,
    });
    const line = this.line(entry, input, note, (now) => {
      if (!typing) input.value = now.given ?? "";
      input.placeholder = now.state ?? "unknown";
      rest(unknown, now.state === undefined);
    });
    line.append(unknown);
    return line;
  }

  line(entry, control, note, write) {
    const unit = entry.unit ? ` (${entry.unit})` : "";
    control.setAttribute("aria-description", entry.question);
    const label = make("label", {}, span("tb-label", entry.label + unit), note, control);
    const whole = make("div", { class: "tb-line", ...this.described(entry) }, label);
    this.controls.set(entry.name, {
      focus: () => control.focus(),
      whole,
      write: (now) => {
        write(now);
        whole.dataset.state = now.state ?? "";
        note.textContent = now.note;
      },
    });
    return whole;
  }

  buildGroup(entry) {
    const chips = entry.members.map((member) => this.buildChip(entry, member));
    const others = button("no others", () => this.act({ kind: "others", group: entry.name }), {
      class: "tb-quiet",
      "data-others": entry.name,
      "aria-label": `${entry.label}: no others`,
    });
    const row = make("div", { class: "tb-chips" }, ...chips, others);
    row.addEventListener("keydown", (event) => this.arrow(event, row));
    const sites = make(
      "fieldset",
      { class: "tb-group", "data-group": entry.name, ...this.described(entry), "aria-description": entry.question },
      make("legend", {}, span("tb-label", entry.label)),
      row,
    );
    this.controls.set(entry.name, { focus: () => chips[0].focus(), whole: sites, write: () => {} });
    this.others ??= [];
    this.others.push({ others, members: entry.members.map((member) => member.name) });
    return make("div", { class: "tb-cluster" }, ...entry.wholes.map((whole) => this.buildChoice(whole)), sites);
  }

  buildChip(group, member) {
    const state = span("tb-chip-state", "");
    const chip = make(
      "button",
      { type: "button", class: "tb-chip", "data-variable": member.name, ...this.described(member) },
      span("tb-chip-name", member.short),
      state,
    );
    const words = new Map(member.states);
    const order = ["", ...member.states.map(([name]) => name)];
    chip.addEventListener("click", () => {
      const value = order[(order.indexOf(chip.dataset.state) + 1) % order.length];
      this.act({ kind: "say", variable: member.name, value: value || null });
    });
    chip.addEventListener("keydown", (event) => this.letter(event, member));
    this.controls.set(member.name, {
      focus: () => chip.focus(),
      whole: chip,
      write: (now) => {
        const word = now.state === undefined ? "unknown" : words.get(now.state);
        chip.dataset.state = now.state ?? "";
        state.textContent = now.state === undefined ? "?" : word;
        chip.setAttribute("aria-label", `${member.label}: ${word}`);
      },
    });
    return chip;
  }

  arrow(event, row) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = [...row.querySelectorAll("button")];
    const place = all.indexOf(event.target);
    if (step === undefined || place < 0) return;
    event.preventDefault();
    all[(place + step + all.length) % all.length].focus();
  }

  buildAnswers() {
    this.list = make("ol", { class: "tb-causes", "aria-label": "Causes, the most probable first" });
    for (const [name, cause] of Object.entries(this.structure.causes)) {
      const row = this.buildRow(cause.label, cause.serious, () => this.act({ kind: "select", cause: name }));
      row.whole.dataset.cause = name;
      row.definition = cause.definition;
      this.rows.set(name, row);
    }
    this.list.append(...[...this.rows.values()].map((row) => row.whole));
    this.outcomes = new Map(
      [
        ["none", "no listed cause"],
        ["serious", "at least one serious cause"],
      ].map(([name, label]) => {
        const row = this.buildRow(label, false, null);
        row.whole.dataset.outcome = name;
        return [name, row];
      }),
    );
    this.unions = new Map(
      Object.entries(this.structure.unions).map(([name, union]) => {
        const row = this.buildRow(union.label, false, () => this.act({ kind: "select", cause: name }));
        row.whole.dataset.union = name;
        const parts = union.causes.map((cause) => this.structure.causes[cause].label).join(", ");
        row.definition = [`Any of: ${parts}`, union.definition].filter(Boolean).join(". ");
        return [name, row];
      }),
    );
    const unions = make(
      "details",
      { class: "tb-section", open: true, hidden: !this.unions.size },
      make("summary", {}, span("tb-title", "Any of several causes"), span("tb-count", `${this.unions.size}`)),
      make("ul", { class: "tb-causes tb-outcomes" }, ...[...this.unions.values()].map((r) => r.whole)),
    );
    const outcomes = make("ul", { class: "tb-causes tb-outcomes" }, ...[...this.outcomes.values()].map((r) => r.whole));
    this.note = make("p", { class: "tb-small", text: "" });
    this.posterior = this.panel("posterior", "Probability of each cause");
    this.jump = button("", () => this.flags.whole.scrollIntoView({ block: "nearest" }), { class: "tb-jump" });
    this.posterior.whole.prepend(this.jump);
    const key = make(
      "p",
      { class: "tb-key", "aria-hidden": "true" },
      span("tb-key-fill", ""),
      "posterior",
      span("tb-key-span", ""),
      "95% interval",
      span("tb-key-prior", ""),
      "prior",
    );
    this.posterior.body.append(key, this.list, outcomes, unions, this.note);
    this.flags = this.panel("red-flags", "Red flags");
    this.explanation = this.panel("explanation", "Why");
    this.numbers = this.panel("numbers", "Priors to try");
    return make(
      "div",
      { class: "tb-answers", role: "region", "aria-label": "What follows" },
      this.posterior.whole,
      this.flags.whole,
      this.explanation.whole,
      this.numbers.whole,
    );
  }

  buildRow(label, serious, select) {
    const parts = {
      label: serious ? `${label}, serious` : label,
      name: span("tb-name", label),
      fill: span("tb-fill", ""),
      span: span("tb-span", ""),
      prior: span("tb-prior", ""),
      value: span("tb-value", ""),
      interval: span("tb-interval", ""),
    };
    const badge = serious ? span("tb-badge", "serious") : null;
    const bar = make("span", { class: "tb-bar", "aria-hidden": "true" }, parts.fill, parts.span, parts.prior);
    const inside = [make("span", { class: "tb-names" }, parts.name, badge), bar, parts.value, parts.interval];
    parts.button = select
      ? button("", select, { class: "tb-row", "aria-pressed": "false" })
      : make("div", { class: "tb-row", role: "group" });
    parts.button.append(...inside);
    parts.whole = make("li", {}, parts.button);
    return parts;
  }

  // What is shown

  show() {
    const shown = this.model.get("shown");
    if (!shown || shown.serial === this.shown?.serial) return;
    this.before = this.shown ?? null;
    this.shown = shown;
    this.pieces = 0;
    this.showCauses();
    this.showControls();
    this.showMessage();
    this.showFlags();
    this.showNumbers();
    this.older(this.next, this.explanation);
    this.refreshOut();
    rest(this.undo, !shown.undo);
    rest(this.redo, !shown.redo);
    this.about.textContent = shown.about;
    this.root.dataset.serial = shown.serial;
    this.root.dataset.settled = "false";
    void this.root.offsetHeight; // the layout belongs to the time that is measured
    if (this.acts.has(shown.act)) {
      this.root.dataset.milliseconds = (performance.now() - this.acts.get(shown.act)).toFixed(1);
      this.acts.clear();
      this.slid();
    }
    this.answered();
    this.announce();
    this.ask();
  }

  // Details that are still those of the answer before say so, until theirs come.
  older(...panels) {
    for (const { whole } of panels) {
      whole.toggleAttribute("data-older", Boolean(this.before));
      whole.setAttribute("aria-busy", "true");
    }
  }

  newer(panel) {
    panel.whole.removeAttribute("data-older");
    panel.whole.removeAttribute("aria-busy");
  }

  // Draws a part again, and gives the focus to what stands for the part that had it.
  redraw(body, draw) {
    const before = this.el.getRootNode().activeElement;
    const had = body.contains(before);
    draw();
    if (!had || body.contains(this.el.getRootNode().activeElement)) return;
    const same = (one) => ["ask", "number", "reset"].every((name) => one.dataset[name] === before.dataset[name]);
    const there = [...body.querySelectorAll("button, input, summary")];
    (there.find((one) => one.tagName === before.tagName && same(one)) ?? there[0])?.focus();
  }

  showCauses() {
    const { causes, none, serious, selected } = this.shown;
    const focused = this.el.getRootNode().activeElement;
    causes.forEach((cause, place) => {
      const row = this.rows.get(cause.name);
      this.showRow(row, cause);
      row.button.setAttribute("aria-pressed", String(cause.name === selected));
      if (this.list.children[place] !== row.whole) this.list.insertBefore(row.whole, this.list.children[place] ?? null);
    });
    if (focused && this.list.contains(focused) && this.el.getRootNode().activeElement !== focused) focused.focus();
    for (const union of this.shown.unions) {
      const row = this.unions.get(union.name);
      this.showRow(row, union);
      row.button.setAttribute("aria-pressed", String(union.name === selected));
    }
    this.showRow(this.outcomes.get("none"), none);
    this.showRow(this.outcomes.get("serious"), serious);
    this.note.textContent = "Intervals follow.";
    this.leaders.replaceChildren(
      ...causes.slice(0, 3).map((cause) => {
        const fill = span("tb-fill", "");
        fill.style.width = percentage(cause.probability);
        const label = this.structure.causes[cause.name].label;
        const bar = make("span", { class: "tb-bar" }, fill);
        return make("div", { class: "tb-leader" }, span("tb-name", label), bar, span("tb-value", cause.text));
      }),
    );
  }

  showRow(row, now) {
    row.whole.dataset.probability = String(now.probability);
    delete row.whole.dataset.low;
    delete row.whole.dataset.high;
    row.fill.style.width = percentage(now.probability);
    row.value.textContent = now.text;
    row.prior.hidden = now.prior === undefined;
    if (now.prior !== undefined) row.prior.style.left = percentage(now.prior);
    row.span.hidden = true;
    row.interval.textContent = "";
    row.now = now;
    this.nameRow(row, "");
  }

  // What a screen reader says of a row.
  nameRow(row, interval) {
    const parts = [row.label, row.now.text];
    if (interval) parts.push(`95% interval ${interval}`);
    if (row.now.prior_text !== undefined) parts.push(`prior ${row.now.prior_text}`);
    row.button.setAttribute("aria-label", parts.join(", "));
    row.button.title = [parts.join(", "), row.definition].filter(Boolean).join(". ");
  }

  showControls() {
    const { states, assumed, follows, unknown, given, message } = this.shown;
    const wrong = new Set(message?.items ?? []);
    const words = { present: "yes", absent: "no" };
    for (const [name, control] of this.controls) {
      let note = "";
      if (name in assumed) note = "assumed";
      else if (unknown.includes(name)) note = "said to be unknown";
      else if (name in follows) note = `follows: ${words[follows[name]]}`;
      else if (name in given) note = states[name];
      control.write({ state: states[name] ?? assumed[name], given: given[name], note });
      control.whole.toggleAttribute("data-conflict", wrong.has(name));
    }
    for (const { others, members } of this.others ?? []) {
      rest(others, members.every((name) => name in states));
    }
    for (const { section, count } of this.sections) {
      const names = section.entries.flatMap((entry) =>
        entry.members ? [...entry.members, ...entry.wholes].map((one) => one.name) : [entry.name],
      );
      const known = names.filter((name) => name in states).length;
      count.textContent = known ? `${known} of ${names.length} known` : `${names.length}`;
    }
  }

  showMessage() {
    const { message } = this.shown;
    this.message.hidden = !message;
    if (!message) return this.message.replaceChildren();
    const items = message.items.filter((name) => this.controls.has(name));
    this.message.replaceChildren(
      make("strong", { text: "This was not taken. " }),
      span("tb-error", message.text),
      ...items.map((name) =>
        button(this.structure.labels[name], () => this.reach(name), { class: "tb-quiet", "data-conflict-item": name }),
      ),
    );
  }

  showFlags() {
    const flags = this.shown.red_flags;
    this.flags.whole.hidden = this.jump.hidden = !flags.length;
    this.jump.textContent = `${flags.length} red flag${flags.length === 1 ? "" : "s"}`;
    this.flags.body.replaceChildren(
      make("p", { class: "tb-small", text: "Warning signs of guidelines. They do not change the probabilities." }),
      make(
        "ul",
        { class: "tb-flags" },
        ...flags.map((flag) =>
          make(
            "li",
            { "data-flag": flag.rule },
            make("strong", { text: flag.label }),
            span("tb-met", ` (${flag.met_by.join(", ")}) `),
            make("span", { text: flag.advice }),
            ...flag.citations.map((citation) => make("cite", { text: citation })),
          ),
        ),
      ),
    );
  }

  // Numbers

  showNumbers() {
    const { numbers, adjusted } = this.shown;
    const groups = Object.entries(numbers);
    const there = new Set(groups.flatMap(([, names]) => names));
    const elsewhere = Object.keys(adjusted).filter((name) => !there.has(name));
    if (elsewhere.length) groups.push(["", elsewhere]);
    const key = JSON.stringify(groups);
    if (key !== this.numbersKey) {
      this.numbersKey = key;
      this.redraw(this.numbers.body, () => this.buildSliders(groups));
    }
    for (const [name, slider] of this.sliders) this.writeSlider(name, slider, adjusted[name]);
    rest(this.resetAll, !Object.keys(adjusted).length);
  }

  buildSliders(groups) {
    this.sliders = new Map();
    this.resetAll = button("Reset all", () => this.act({ kind: "reset" }), { class: "tb-quiet" });
    const labels = this.structure.labels;
    this.opened ??= new Set();
    const blocks = groups.map(([variable, names], place) => {
      const title = variable === "" ? "Also changed" : labels[variable];
      const whole = make(
        "details",
        { class: "tb-sliders", open: place === 0 || variable === "" || this.opened.has(variable) },
        make("summary", {}, span("tb-title", title), span("tb-count", names.length > 1 ? `${names.length}` : "")),
        ...names.map((name) => this.buildSlider(name, variable === "")),
      );
      whole.addEventListener("toggle", () => this.opened[whole.open ? "add" : "delete"](variable));
      return whole;
    });
    this.numbers.body.replaceChildren(
      make("p", {
        class: "tb-small",
        text: "The numbers of priors.csv that bear on the selected cause in this case. A slider goes a little beyond the interval of the table; the mark is the table's value.",
      }),
      ...blocks,
      this.resetAll,
    );
  }

  buildSlider(name, named) {
    const number = this.structure.numbers[name];
    const whole = `${this.structure.labels[number.variable]}: ${number.label}`;
    const value = make("output", { class: "tb-value" });
    const sources = number.sources.map((source) => this.structure.sources[source] ?? source);
    const source = make(
      "details",
      { class: "tb-small tb-source" },
      make("summary", { text: `table ${number.text} (${number.interval}), ${number.basis}` }),
      make("ul", {}, ...sources.map((text) => make("li", { text }))),
    );
    const head = make("div", { class: "tb-slider-head" }, span("tb-label", named ? whole : number.label), value);
    if (!number.ends) {
      value.textContent = `${number.text}, certain`;
      return make("div", { class: "tb-slider" }, head, source);
    }
    const [low, high] = number.ends;
    const place = (logOdds) => `${(100 * (logOdds - low)) / (high - low)}%`;
    const input = make("input", {
      type: "range",
      min: low,
      max: high,
      step: (high - low) / 200,
      "data-number": name,
      "aria-label": whole,
    });
    const mark = make("span", { class: "tb-mark", "aria-hidden": "true" });
    mark.style.left = place(Math.log(number.value) - Math.log1p(-number.value));
    const reset = button("Reset", () => this.act({ kind: "reset", number: name }), {
      class: "tb-quiet",
      "data-reset": name,
      "aria-label": `Reset ${whole}`,
    });
    const slider = { input, value, reset, number };
    input.addEventListener("input", () => this.slide(name, slider));
    input.addEventListener("change", () => (this.sliding.drag += 1));
    this.sliders.set(name, slider);
    return make(
      "div",
      { class: "tb-slider" },
      head,
      make("div", { class: "tb-track" }, make("span", { class: "tb-rail" }, mark, input), reset),
      source,
    );
  }

  writeSlider(name, slider, adjusted) {
    const now = adjusted?.value ?? slider.number.value;
    const text = adjusted?.text ?? slider.number.text;
    const pending = this.sliding.next?.number === name;
    if (!pending) slider.input.value = String(Math.log(now) - Math.log1p(-now));
    slider.input.dataset.value = String(now);
    slider.input.setAttribute("aria-valuetext", `${text}; the table has ${slider.number.text}`);
    slider.value.textContent = text;
    slider.value.classList.toggle("tb-changed", Boolean(adjusted));
    rest(slider.reset, !adjusted);
  }

  // One move at a time is on its way; of those made meanwhile only the last one counts.
  slide(number, slider) {
    const odds = Math.exp(Number(slider.input.value));
    const p = odds / (1 + odds);
    const digits = 3 - Math.floor(Math.log10(Math.min(p, 1 - p))); // with fewer, a step could end where it began
    const value = Number(p.toFixed(Math.min(digits, 15)));
    const message = { kind: "adjust", number, value, drag: `${this.id}:${this.sliding.drag}` };
    if (this.sliding.inFlight) this.sliding.next = message;
    else {
      this.sliding.inFlight = true;
      this.act(message);
    }
  }

  slid() {
    const { next } = this.sliding;
    this.sliding.next = null;
    this.sliding.inFlight = Boolean(next);
    if (next) this.act(next);
  }

  // Pieces

  piece(message) {
    if (message?.kind !== "piece" || message.serial !== this.shown.serial || message.place !== this.pieces) return;
    this.pieces += 1;
    this.answered();
    if (message.part === "questions") this.redraw(this.next.body, () => this.showQuestions(message));
    else if (message.part === "explanation") this.showExplanation(message);
    else if (message.part === "intervals") this.showIntervals(message);
    if (message.last) this.root.dataset.settled = "true";
    else this.ask();
  }

  showQuestions({ items = [], note }) {
    const ask = (item, place) =>
      button("", () => this.reach(item.variable), {
        class: place ? "tb-ask" : "tb-ask tb-best",
        "data-ask": item.variable,
        "data-best": place === 0,
        title: item.text,
      });
    const asks = items.map((item, place) => {
      const one = ask(item, place);
      one.append(span("tb-name", place ? item.label : item.text || item.label), span("tb-gain", item.gain));
      return one;
    });
    const others = make("div", { class: "tb-asks" }, ...asks.slice(1));
    this.newer(this.next);
    this.next.body.replaceChildren(...asks.slice(0, 1), others, ...(note ? [make("p", { class: "tb-small", text: note })] : []));
    for (const [name, control] of this.controls) control.whole.toggleAttribute("data-best", name === items[0]?.variable);
  }

  showExplanation({ head = "", items = [], note }) {
    const most = Math.max(...items.map((item) => Math.abs(item.decibans ?? 0)), 1);
    const rows = items.map((item) => {
      const weight = make("span", { class: "tb-weight", "aria-hidden": "true" });
      const part = item.decibans === null ? 1 : Math.abs(item.decibans) / most;
      weight.style.setProperty("--part", percentage(part / 2));
      return make(
        "li",
        { "data-side": item.side, "data-item": item.variables.join(" ") },
        make("span", { class: "tb-sentence", text: item.sentence }),
        weight,
        span("tb-value", item.weight),
      );
    });
    this.newer(this.explanation);
    this.explanation.body.replaceChildren(
      make("p", { class: "tb-why", text: head }),
      rows.length
        ? make("ul", { class: "tb-reasons" }, ...rows)
        : make("p", { class: "tb-small", text: note || "Nothing is known yet." }),
      make("p", {
        class: "tb-small",
        text: rows.length
          ? "Weights of evidence in decibans (10 is a factor of ten of the odds), each beside all the other evidence; they need not add up."
          : "",
      }),
    );
  }

  showIntervals({ rows = {}, note }) {
    const all = [...this.rows, ...this.unions, ...this.outcomes];
    for (const [name, row] of all) {
      const found = rows[name];
      if (!found) continue;
      row.whole.dataset.low = String(found.low);
      row.whole.dataset.high = String(found.high);
      row.span.hidden = false;
      row.span.style.left = percentage(found.low);
      row.span.style.width = percentage(found.high - found.low);
      row.interval.textContent = found.text;
      this.nameRow(row, found.text);
    }
    this.note.textContent = note;
  }

  // Finding one's way

  reach(name) {
    const control = this.controls.get(name);
    if (!control) return;
    if (control.whole.closest("[data-filtered]")) {
      this.search.value = "";
      this.filter(); // it closes again what it had opened
    }
    for (let at = control.whole.parentElement; at && at !== this.root; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    control.focus();
    control.whole.scrollIntoView({ block: "nearest" });
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    let count = 0;
    for (const part of this.sections) {
      let here = 0;
      for (const entry of part.whole.querySelectorAll(".tb-choice, .tb-line, .tb-group")) {
        const text = [entry, ...entry.querySelectorAll("[data-find]")].map((node) => node.dataset.find).join(" ");
        const hit = !wanted || text.includes(wanted);
        entry.toggleAttribute("data-filtered", !hit);
        here += hit ? 1 : 0;
      }
      part.whole.toggleAttribute("data-filtered", !here);
      if (wanted && !part.before) part.before = { open: part.whole.open };
      part.whole.open = wanted ? here > 0 : (part.before?.open ?? part.whole.open);
      if (!wanted) part.before = null;
      count += here;
    }
    this.found.textContent = wanted ? `${count} found` : "";
  }

  tell(target) {
    const about = target.closest?.("[data-about]")?.dataset.about;
    this.hint.textContent = about ?? "";
  }

  announce() {
    const { causes, selected, message } = this.shown;
    if (message || !this.before) return;
    const was = new Map(this.before.causes.map((cause) => [cause.name, cause]));
    const moved = causes
      .map((cause) => ({ ...cause, by: Math.abs(cause.probability - was.get(cause.name).probability) }))
      .sort((a, b) => b.by - a.by);
    const label = (cause) => this.structure.causes[cause.name].label;
    const top = causes.length ? `Most probable: ${label(causes[0])}, ${causes[0].text}.` : "";
    const most =
      moved.length && moved[0].by > 0
        ? `Moved most: ${label(moved[0])}, from ${was.get(moved[0].name).text} to ${moved[0].text}.`
        : "No probability has changed.";
    const chosen = selected === this.before.selected ? "" : `Explained: ${this.structure.labels[selected]}.`;
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      this.live.textContent = chosen || `${top} ${most}`;
    }, 200);
  }

  // What is handed out stays that of the answer beside it.
  refreshOut() {
    if (this.out.hidden) return;
    const text = this.shown[this.handed.what];
    if (this.handed.area.value === text) return;
    this.handed.area.value = text;
    this.handed.told.textContent = "";
  }

  hand(what, file, title) {
    const rows = Math.min(this.shown[what].split("\n").length, 14);
    const area = make("textarea", { readonly: true, rows, "aria-label": title });
    area.value = this.shown[what];
    const told = make("span", { class: "tb-small", role: "status" });
    this.handed = { what, area, told };
    const copy = async () => {
      area.select();
      try {
        await navigator.clipboard.writeText(area.value);
      } catch {
        if (!document.execCommand("copy")) {
          told.textContent = "Selected: copy it with the keyboard.";
          return;
        }
      }
      told.textContent = "Copied.";
    };
    const save = () => {
      const url = URL.createObjectURL(new Blob([this.shown[what]], { type: "text/plain" }));
      const link = make("a", { href: url, download: file });
      this.out.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    };
    this.out.hidden = false;
    this.out.replaceChildren(
      make("h3", { text: title }),
      area,
      make(
        "div",
        { class: "tb-tools" },
        button("Copy", copy),
        button(`Download ${file}`, save),
        button("Close", () => (this.out.hidden = true)),
        told,
      ),
    );
    if (file.endsWith(".py")) copy();
    else save();
  }
}

// Notebooks take plain keys as commands, those of a widget too: arrows leave the cell, d d deletes it.
function keep(event) {
  const theirs = event.ctrlKey || event.altKey || event.metaKey || event.key === "Escape";
  if (!theirs && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
}

// Light or dark is what is behind the widget, whoever painted it.
function watchTheme(root) {
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  const write = () => {
    root.dataset.theme = isDark(root, media) ? "dark" : "light";
  };
  const observer = new MutationObserver(write);
  const options = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-jp-theme-light"] };
  observer.observe(document.documentElement, options);
  observer.observe(document.body, options);
  media.addEventListener("change", write);
  const later = [setTimeout(write, 0), setTimeout(write, 500)]; // the view is put into the page after it is drawn
  write();
  return () => {
    observer.disconnect();
    media.removeEventListener("change", write);
    later.forEach(clearTimeout);
  };
}

function isDark(root, media) {
  for (let at = root.parentNode; at; at = at.parentNode ?? at.host) {
    if (!(at instanceof Element)) continue;
    const behind = getComputedStyle(at).backgroundColor;
    const whole = behind.startsWith("color(") ? 255 : 1; // color(srgb 1 1 1) is white as rgb(255, 255, 255) is
    const [first, second, third, alpha = 1] = (behind.replace(/^color\(\S+/, "").match(/[\d.]+/g) ?? []).map(Number);
    const [red, green, blue] = [first * whole, second * whole, third * whole];
    if (alpha > 0.5 && third !== undefined) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  const body = document.body;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.classList.contains("vscode-dark")) return true;
  if (body.classList.contains("vscode-light")) return false;
  return media.matches;
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.close();
}

export default { render };
