// The unmasking theatre in the browser. Each branch comes here once, whole; slider, hovers and clicks
// are answered from it without the kernel. What changes something is sent as a message, {do: ...}.
//
// data (of a branch): facts, arrays and pictures as wire.py and pictures.py make them.
// local: what only this view knows. state: what the kernel says. A position is row * width + column.

const HIDDEN = 0, KEPT = 1, GIVEN = 2, PINNED = 3;
const REST = 150; // ms without a move after which the kernel is told where the slider is
const PATIENCE = 6000; // ms after which a silent kernel is called silent

const MAPS = {
  probability: { name: "probability", hint: "of the code shown, in the step that drew it" },
  entropy: { name: "entropy", hint: "of all codes, in the step that drew last, in nats" },
  asked: { name: "step", hint: "the step that kept each token" },
};

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const blobUrl = (view) => URL.createObjectURL(new Blob([bytes(view)], { type: "image/png" }));

async function loadImage(view) {
  const image = new Image();
  image.src = blobUrl(view);
  await image.decode();
  return image;
}

async function loadBranch(model) {
  const facts = model.get("facts"), arrays = {};
  for (const [name, view] of Object.entries(model.get("arrays"))) {
    const kind = ["probability", "entropy", "top_probs"].includes(name) ? Float32Array : Int32Array;
    arrays[name] = new kind(bytes(view).slice().buffer);
  }
  const images = await Promise.all(model.get("pictures").map(loadImage));
  const [height, width] = facts.grid;
  return { ...facts, ...arrays, images, height, width, size: height * width };
}

// ---- what is known of one token, from the arrays alone (token_at in seen.py) ----

function tokenAt(data, step, index) {
  const at = step * data.size + index;
  const asked = data.asked[at], top = [];
  for (let k = 0; asked && k < data.num_top; k++) {
    const place = ((asked - 1) * data.size + index) * data.num_top + k;
    if (data.top_ids[place] >= 0) top.push([data.top_ids[place], data.top_probs[place]]);
  }
  return {
    index, row: Math.floor(index / data.width), column: index % data.width,
    code: data.token_ids[at], state: data.states[at], asked, top,
    probability: data.probability[at], entropy: data.entropy[at], rank: data.rank[at],
  };
}

const numHidden = (data, step) => {
  let count = 0;
  for (let i = 0; i < data.size; i++) count += data.states[step * data.size + i] === HIDDEN;
  return count;
};
const clamped = (data, step) => Math.min(step, data.num_steps);
const percent = (p) => (p >= 0.9995 ? "100 %" : p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(1) + " %");
const place = (each) => `(${each.row}, ${each.column})`; // as Python names positions, from (0, 0)
const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);

// ---- pictures ----

// The picture after a step; hidden cells under a veil. pins: [{index, code}] not drawn yet.
function paintPicture(canvas, data, step, { look, veil, hatch = true, outlined = [], guessed = [], frames = [], pins = [], sheet }) {
  const source = data.images[Math.max(step, 1) - 1], context = canvas.getContext("2d");
  const { width, height } = canvas, w = width / data.width, tall = height / data.height;
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  const hidden = new Path2D();
  for (let i = 0; i < data.size; i++) {
    if (data.states[step * data.size + i] === HIDDEN) hidden.rect((i % data.width) * w, Math.floor(i / data.width) * tall, w, tall);
  }
  context.globalAlpha = step === 0 ? 1 : veil;
  context.fillStyle = look.colors.hidden;
  context.fill(hidden);
  context.globalAlpha = 1;
  if (hatch) {
    context.save();
    context.clip(hidden);
    context.strokeStyle = "rgba(95, 107, 122, 0.55)";
    context.lineWidth = Math.max(1, width / 560);
    const gap = Math.max(4, w / 5);
    context.beginPath();
    for (let x = -height; x < width; x += gap) { context.moveTo(x, height); context.lineTo(x + height, 0); }
    context.stroke();
    context.restore();
  }
  for (const { index, code } of pins) {
    const box = [(index % data.width) * w, Math.floor(index / data.width) * tall, w, tall];
    if (sheet) sheet.paint(context, code, ...box);
    else paintNumber(context, code, ...box, look);
  }
  const line = Math.max(2, width / 200);
  const outline = (index, color, inset, thick) => {
    context.strokeStyle = color;
    context.lineWidth = thick;
    context.strokeRect((index % data.width) * w + inset, Math.floor(index / data.width) * tall + inset, w - 2 * inset, tall - 2 * inset);
  };
  const edges = (indices, thick, dashes, cap) => {
    const edge = border(indices, data, w, tall);
    context.lineCap = cap;
    for (const [color, times] of [["#ffffff", 2], [look.colors.differ, 1]]) {
      context.setLineDash(color === look.colors.differ ? dashes : []);
      context.strokeStyle = color;
      context.lineWidth = thick * times;
      context.stroke(edge);
    }
    context.setLineDash([]);
  };
  if (guessed.length) edges(guessed, line * 0.6, [w / 8, w / 8], "butt"); // what is settled lies on top
  if (outlined.length) edges(outlined, line * 1.2, [], "square");
  for (const index of frames) { outline(index, "#ffffff", line / 2, line * 1.8); outline(index, look.colors.ink, line / 2, line * 0.8); }
}

// A code in its cell where the codebook is too large for a sheet of tiles.
function paintNumber(context, code, x, y, w, tall, look) {
  const text = String(code);
  context.fillStyle = look.colors.hidden;
  context.fillRect(x, y, w, tall);
  context.fillStyle = look.colors.ink;
  context.font = `${Math.min(tall * 0.5, (w * 1.5) / text.length)}px Arial, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x + w / 2, y + tall / 2);
}

// The outline of some cells together: the sides that they share with no other of them.
function border(indices, { width, height }, w, tall) {
  const inside = new Set(indices), path = new Path2D();
  const side = (x0, y0, x1, y1) => { path.moveTo(x0 * w, y0 * tall); path.lineTo(x1 * w, y1 * tall); };
  for (const index of indices) {
    const x = index % width, y = Math.floor(index / width);
    if (y === 0 || !inside.has(index - width)) side(x, y, x + 1, y);
    if (y === height - 1 || !inside.has(index + width)) side(x, y + 1, x + 1, y + 1);
    if (x === 0 || !inside.has(index - 1)) side(x, y, x, y + 1);
    if (x === width - 1 || !inside.has(index + 1)) side(x + 1, y, x + 1, y + 1);
  }
  return path;
}

function newCanvas(data, wanted, attributes = {}) {
  const image = data.images[0], times = Math.max(1, Math.round(wanted / image.naturalWidth));
  return h("canvas", { width: image.naturalWidth * times, height: image.naturalHeight * times, ...attributes });
}

class TileSheet {
  constructor(image, { columns, side }) { Object.assign(this, { image, columns, side }); }
  paint(context, code, x, y, w, tall) {
    const { side, columns } = this;
    context.drawImage(this.image, (code % columns) * side, Math.floor(code / columns) * side, side, side, x, y, w, tall);
  }
  node(code) {
    const canvas = h("canvas", { class: "tile", width: this.side, height: this.side, "data-code": code, "aria-hidden": true });
    this.paint(canvas.getContext("2d"), code, 0, 0, this.side, this.side);
    return canvas;
  }
}

// ---- the widget ----

class Theatre {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.look = model.get("look");
    this.local = { step: model.get("step"), hovered: null, selected: null, code: null, map: "probability", veil: true };
    this.loaded = new Map();
    this.sheet = null;
    this.waiting = false;
    for (const [name, color] of Object.entries(this.look.colors)) root.style.setProperty(`--${name}`, color);
    this.build();
    this.listeners = [
      ["change:branches", () => this.guard(() => this.load())],
      ["change:state", () => this.guard(() => this.answered())],
      ["change:step", () => this.guard(() => this.stepFromKernel())],
    ];
    for (const [event, listener] of this.listeners) model.on(event, listener);
  }

  get state() { return this.model.get("state"); }
  get data() { return this.loaded.get(this.state.current); }
  get other() { return this.state.compared === this.state.current ? undefined : this.loaded.get(this.state.compared); }
  get busy() { return this.waiting || Boolean(this.state.busy); }
  get shownToken() { return this.local.hovered ?? this.local.selected; }

  // Whatever goes wrong in here is shown, like what goes wrong in the kernel.
  async guard(action) {
    try { await action(); } catch (error) { this.fail(`This page could not show that (${error.message}).`); throw error; }
  }
  fail(text) { this.local.error = text; this.paintMessages(); }

  async load() {
    const tiles = this.model.get("tiles");
    if (!this.sheet && tiles.side) this.sheet = new TileSheet(await loadImage(tiles.png), tiles);
    const refs = this.model.get("branches");
    for (const [number, ref] of refs.entries()) {
      if (this.loaded.has(number)) continue;
      const child = await this.model.widget_manager.get_model(ref.slice("IPY_MODEL_".length));
      this.loaded.set(number, await loadBranch(child));
    }
    this.stepFromKernel();
    this.paint();
  }

  answered() {
    clearTimeout(this.impatient);
    this.waiting = false;
    this.local.error = null;
    this.paint();
  }

  stepFromKernel() {
    if (this.resting || this.local.dragging) return;
    this.local.step = this.model.get("step");
    this.soon();
  }

  // -- moves --

  move(step) {
    if (!this.data) return;
    this.local.step = Math.max(0, clamped(this.data, step));
    this.soon();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { // the last position wins; those in between are never sent
      this.resting = null;
      this.model.set("step", this.local.step);
      this.model.save_changes();
      this.root.dataset.reports = Number(this.root.dataset.reports ?? 0) + 1;
    }, REST);
  }

  // One painting a frame, of the newest state, however many moves there were.
  soon() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; this.guard(() => this.paint()); });
  }

  send(message) {
    if (this.busy) return;
    clearTimeout(this.resting);
    this.resting = null;
    this.waiting = true;
    this.local.error = null;
    this.impatient = setTimeout(() => {
      this.waiting = false;
      this.fail("The kernel does not answer; what is drawn can still be looked at, but nothing can be changed.");
      this.paint();
    }, PATIENCE);
    this.model.send({ step: this.local.step, ...message });
    this.paintMessages();
  }

  select(index) {
    this.local.selected = index;
    this.local.code = null;
    this.soon();
  }

  hover(index) {
    if (this.local.hovered === index) return;
    this.local.hovered = index;
    this.soon();
  }

  chosenCode(token) { return this.local.code ?? (token.code >= 0 ? token.code : token.top[0]?.[0]); }

  change(kind) {
    if (this.local.selected == null || !this.data) return;
    const token = tokenAt(this.data, this.local.step, this.local.selected), code = this.chosenCode(token);
    if (kind !== "hide" && code == null) return;
    this.send({ do: kind, row: token.row, column: token.column, ...(kind === "hide" ? {} : { code }) });
  }

  // A prompt that was typed and not sent counts, too.
  goOn() {
    this.send({ do: "go_on", ...(this.isNewPrompt() ? { prompt: this.promptBox.value } : {}) });
  }

  say() {
    if (!this.going && this.isNewPrompt()) this.send({ do: "say", prompt: this.promptBox.value });
  }

  isNewPrompt() {
    const prompt = this.promptBox.value;
    return Boolean(this.data && prompt.trim()) && prompt !== this.promptThen();
  }

  // The prompt in force when the next step begins, with what was asked for since.
  promptThen() {
    const said = this.state.changes.filter((each) => each.kind === "say").pop();
    return said ? said.prompt : this.data?.prompts[this.local.step] ?? "";
  }

  key(event) {
    event.stopPropagation();
    if (event.target.matches("input[type=text], input[type=number], select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ",": -1, ".": 1 }, changes = { p: "pin", f: "forbid", h: "hide" };
    if (event.key in moves) this.move(this.local.step + moves[event.key]);
    else if (event.key in changes) this.change(changes[event.key]);
    else if (event.key === "u") this.send({ do: "undo" });
    else if (event.key.startsWith("Arrow") && event.target.matches(".cell")) this.walk(event.key);
    else return;
    event.preventDefault();
  }

  walk(key) {
    const { width, height } = this.data, now = this.local.selected ?? 0;
    const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key];
    const row = Math.min(height - 1, Math.max(0, Math.floor(now / width) + down));
    const column = Math.min(width - 1, Math.max(0, (now % width) + right));
    this.select(row * width + column);
    this.cells[row * width + column].focus();
  }

  // -- the parts, made once --

  build() {
    const { root } = this;
    root.classList.add("unmasking");
    root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's keys are not ours
    root.addEventListener("keydown", (event) => this.guard(() => this.key(event)));
    this.message = h("div", { class: "message", role: "alert", hidden: true });
    this.progress = h("div", { class: "progress", role: "status", hidden: true });
    this.body = h("div", { class: "body" }, this.buildTime(), h("div", { class: "acts" }, this.buildPicture(), this.buildMap(), this.buildToken()), this.buildChanges(), this.buildBranches());
    root.append(this.buildForm(), this.progress, this.message, this.body);
  }

  buildForm() {
    const field = (name, label, node) => ((this.fields[name] = node), h("label", { class: `field ${name}` }, h("span", {}, label), node));
    this.fields = {};
    return h("form", { class: "form", onsubmit: (event) => { event.preventDefault(); this.draw(); } },
      field("prompt", "Prompt", h("input", { type: "text", name: "prompt", spellcheck: "false" })),
      field("seed", "Seed", h("input", { type: "text", name: "seed", inputmode: "numeric" })),
      field("num_steps", "Steps", h("input", { type: "number", name: "num_steps", min: 1, step: 1 })),
      field("guidance_scale", "Guidance", h("input", { type: "number", name: "guidance_scale", min: 0, step: "any" })),
      field("schedule", "Schedule", h("select", { name: "schedule" })),
      (this.drawButton = h("button", { class: "primary", type: "submit", "data-do": "draw" }, "Draw")));
  }

  draw() {
    const told = Object.fromEntries(Object.entries(this.fields).map(([name, node]) => [name, node.value]));
    this.send({ do: "draw", ...told });
  }

  buildTime() {
    this.slider = h("input", { type: "range", class: "slider", min: 0, max: 1, step: 1, "aria-label": "step",
      oninput: () => this.move(Number(this.slider.value)),
      onpointerdown: () => (this.local.dragging = true), onpointerup: () => (this.local.dragging = false), onpointercancel: () => (this.local.dragging = false) });
    this.strip = h("div", { class: "strip" });
    this.timeText = h("span", { class: "now" });
    const arrow = (name, by, sign) => h("button", { class: "arrow", type: "button", "aria-label": name, title: `${name} (${by < 0 ? "," : "."})`, onclick: () => this.move(this.local.step + by) }, sign);
    return h("section", { class: "time", "aria-label": "steps" },
      h("div", { class: "line" }, arrow("step back", -1, "‹"), arrow("step forward", 1, "›"), this.timeText),
      h("div", { class: "film" }, this.strip, this.slider));
  }

  buildPicture() {
    this.pictureBox = h("div", { class: "frame" });
    this.veilBox = h("input", { type: "checkbox", checked: true, onchange: () => { this.local.veil = this.veilBox.checked; this.soon(); } });
    this.pictureNote = h("span", { class: "note" });
    return h("section", { class: "picture" }, h("div", { class: "top" }, h("h3", {}, "The picture so far")), this.pictureBox,
      h("div", { class: "under" }, h("label", { class: "check" }, this.veilBox, "veil what is hidden"), this.pictureNote));
  }

  buildMap() {
    this.grid = h("div", { class: "grid", role: "grid", "aria-label": "tokens", onpointerleave: () => this.hover(null) });
    this.legend = h("div", { class: "legend" });
    this.mapButtons = Object.entries(MAPS).map(([key, { name, hint }]) =>
      h("button", { type: "button", "data-map": key, title: hint, "aria-pressed": "false", onclick: () => { this.local.map = key; this.soon(); } }, name));
    return h("section", { class: "map" },
      h("div", { class: "top" }, h("h3", {}, "The tokens"), h("div", { class: "switch", role: "group", "aria-label": "what the map shows" }, ...this.mapButtons)),
      h("div", { class: "frame" }, this.grid), this.legend);
  }

  buildToken() {
    this.token = h("section", { class: "token", "aria-label": "token" });
    return this.token;
  }

  buildChanges() {
    this.chips = h("span", { class: "chips" });
    this.promptBox = h("input", { type: "text", name: "say", spellcheck: "false", onchange: () => this.guard(() => this.say()) });
    this.goButton = h("button", { class: "primary", type: "button", "data-do": "go_on", onclick: () => this.goOn(),
      // leaving the prompt for this button must not send the prompt first: the button would be off
      onpointerdown: () => (this.going = true), onpointerup: () => (this.going = false), onpointerleave: () => (this.going = false) });
    this.undoButton = h("button", { type: "button", "data-do": "undo", title: "take the last change back (u)", onclick: () => this.send({ do: "undo" }) }, "Undo");
    this.changesTitle = h("h3", {});
    return h("section", { class: "changes" },
      h("div", { class: "asked" }, this.changesTitle, this.chips),
      h("label", { class: "field" }, h("span", {}, "Prompt from here on"), this.promptBox),
      h("div", { class: "buttons" }, this.undoButton, this.goButton));
  }

  buildBranches() {
    this.tree = h("div", { class: "tree", role: "tree", "aria-label": "branches" });
    this.compareBox = h("div", { class: "beside" });
    return h("div", { class: "branches" },
      h("section", {}, h("h3", {}, "Branches"), this.tree),
      h("section", { class: "compare" }, (this.compareTitle = h("h3", {}, "Side by side")), this.compareBox));
  }

  // -- painting --

  paint() {
    const { root, state, local, data } = this;
    this.paintMessages();
    this.paintForm();
    this.body.hidden = !data;
    root.dataset.answers = state.answers;
    root.dataset.branches = this.loaded.size;
    if (!data) return;
    local.step = clamped(data, local.step);
    root.dataset.branch = state.current;
    root.dataset.step = local.step;
    root.dataset.selected = local.selected ?? "";
    root.dataset.hidden = numHidden(data, local.step);
    root.dataset.paints = Number(root.dataset.paints ?? 0) + 1;
    if (this.painted !== data) this.newBranch();
    this.paintTime();
    this.paintPicture();
    this.paintMap();
    this.paintToken();
    this.paintChanges();
    this.paintTree();
    this.paintCompare();
  }

  paintMessages() {
    const { state, root } = this, error = this.local.error ?? state.error;
    this.message.hidden = !error;
    this.message.textContent = error ?? "";
    root.dataset.error = error ?? "";
    root.dataset.busy = this.busy ? "1" : "0";
    root.setAttribute("aria-busy", String(this.busy));
    this.progress.hidden = !state.busy;
    this.progress.replaceChildren(h("span", {}, state.busy?.text ?? ""), h("i", { style: `--share:${state.busy?.share ?? 0.1}` }));
    for (const button of root.querySelectorAll("[data-do]")) button.disabled = this.busy;
    if (this.busy) return;
    this.undoButton.disabled = !state.changes.length;
    for (const button of this.token.querySelectorAll("[data-do]")) button.disabled = button.dataset.off === "1";
  }

  paintForm() {
    const { settings, schedules } = this.state, key = JSON.stringify(settings);
    if (key === this.formKey) return;
    this.formKey = key;
    const names = schedules.includes(settings.schedule) ? schedules : [settings.schedule, ...schedules];
    this.fields.schedule.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    for (const [name, node] of Object.entries(this.fields)) node.value = settings[name];
  }

  // What has to be made anew where another branch comes on the stage.
  newBranch() {
    const { data, look } = this;
    this.painted = data;
    this.slider.max = data.num_steps;
    this.strip.style.setProperty("--states", data.num_steps + 1);
    this.slider.style.setProperty("--states", data.num_steps + 1);
    this.strip.replaceChildren(...Array.from({ length: data.num_steps + 1 }, (_, step) => {
      const canvas = newCanvas(data, 64);
      paintPicture(canvas, data, step, { look, veil: 1, hatch: false });
      return h("button", { type: "button", class: "still", tabindex: "-1", "data-still": step, title: `step ${step}: ${numHidden(data, step)} hidden`, onclick: () => this.move(step) },
        canvas, h("span", {}, step === 0 ? "start" : String(step)));
    }));
    this.pictureBox.replaceChildren((this.canvas = newCanvas(data, 576, { class: "canvas", role: "img",
      onpointermove: (event) => this.hover(this.under(event)), onpointerleave: () => this.hover(null), onclick: (event) => this.select(this.under(event)) })));
    if (this.cells?.length !== data.size || Number(this.grid.dataset.width) !== data.width) this.newGrid();
  }

  newGrid() {
    const { data } = this;
    this.grid.dataset.width = data.width;
    this.grid.style.setProperty("--columns", data.width);
    this.cells = Array.from({ length: data.size }, (_, index) =>
      h("button", { type: "button", class: "cell", role: "gridcell", "data-index": index, "data-row": Math.floor(index / data.width), "data-column": index % data.width,
        onpointerenter: () => this.hover(index), onfocus: () => this.local.selected !== index && this.select(index), onclick: () => this.select(index) }));
    const rows = Array.from({ length: data.height }, (_, row) => h("div", { role: "row" }, ...this.cells.slice(row * data.width, (row + 1) * data.width)));
    this.grid.replaceChildren(...rows);
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect(), { width, height } = this.data;
    const column = Math.min(width - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * width)));
    const row = Math.min(height - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * height)));
    return row * width + column;
  }

  paintTime() {
    const { data, local } = this, hidden = numHidden(data, local.step);
    if (Number(this.slider.value) !== local.step) this.slider.value = local.step;
    const where = local.step === 0 ? "The start: nothing is drawn yet" : `After step ${local.step} of ${data.num_steps}`;
    this.slider.setAttribute("aria-valuetext", `${where}, ${hidden} hidden`);
    this.timeText.replaceChildren(h("b", {}, where), ` · ${data.size - hidden} of ${data.size} tokens kept, ${hidden} hidden`);
    for (const still of this.strip.children) still.classList.toggle("on", Number(still.dataset.still) === local.step);
  }

  paintPicture() {
    const { data, local, look, state, sheet } = this, at = (each) => each.row * data.width + each.column;
    const pinned = new Map(); // a later wish to hide takes a pin back, as in changes.py
    for (const each of state.changes) {
      if (each.kind === "pin") pinned.set(at(each), each.code);
      else if (each.kind === "hide") pinned.delete(at(each));
    }
    const pins = [...pinned].map(([index, code]) => ({ index, code }));
    const frames = this.shownToken == null ? [] : [this.shownToken];
    paintPicture(this.canvas, data, local.step, { look, veil: local.veil ? 0.72 : 0, hatch: local.veil || local.step === 0, pins, frames, sheet });
    this.canvas.setAttribute("aria-label", `the picture after step ${local.step}: ${data.prompts[local.step]}`);
    this.pictureNote.textContent = `seed ${data.seed} · guidance ${data.guidance_scale} · ${data.schedule}`;
  }

  color(token) {
    if (token.state === GIVEN || token.state === PINNED) return this.look.colors.known;
    if (token.asked === 0) return this.look.colors.hidden;
    const { map } = this.local, { most_entropy: most } = this.state;
    if (map === "asked" && token.state === HIDDEN) return this.look.colors.hidden;
    const share = { probability: token.probability, entropy: token.entropy / most, asked: this.data.num_steps > 1 ? (token.asked - 1) / (this.data.num_steps - 1) : 1 }[map];
    const scale = this.look.scales[map];
    return scale[Math.min(scale.length - 1, Math.max(0, Math.floor(share * scale.length)))];
  }

  paintMap() {
    const { data, local, state } = this, wishes = new Map();
    for (const each of state.changes) if (each.row != null) wishes.set(each.row * data.width + each.column, each.kind);
    this.cells.forEach((cell, index) => {
      const token = tokenAt(data, local.step, index), wish = wishes.get(index) ?? "";
      const color = this.color(token);
      if (cell.painted !== color) cell.style.backgroundColor = cell.painted = color;
      const said = { state: ["hidden", "kept", "given", "pinned"][token.state], code: token.code, probability: token.probability.toFixed(4),
        now: token.state === KEPT && token.asked === local.step ? "1" : "0", wish, on: index === local.selected ? "1" : "0", over: index === local.hovered ? "1" : "0" };
      for (const [name, value] of Object.entries(said)) if (cell.dataset[name] !== String(value)) cell.dataset[name] = value;
      const tab = index === (local.selected ?? 0) ? 0 : -1;
      if (cell.tabIndex !== tab) cell.tabIndex = tab;
      const words = `row ${token.row}, column ${token.column}: ${this.stateInWords(token)}${token.asked && token.state < GIVEN ? `, probability ${percent(token.probability)}` : ""}`;
      if (cell.ariaLabel !== words) cell.ariaLabel = words;
      if (cell.ariaSelected !== String(index === local.selected)) cell.ariaSelected = String(index === local.selected);
    });
    const key = [local.map, data.num_steps].join();
    if (key !== this.legendKey) this.paintLegend(key);
    for (const button of this.mapButtons) button.setAttribute("aria-pressed", String(button.dataset.map === local.map));
  }

  paintLegend(key) {
    this.legendKey = key;
    const { map } = this.local, scale = this.look.scales[map].join(",");
    const [low, high] = { probability: ["0", "1"], entropy: ["0", `${this.state.most_entropy.toFixed(1)} nats`], asked: ["step 1", String(this.data.num_steps)] }[map];
    this.legend.replaceChildren(h("span", {}, low), h("i", { style: `background:linear-gradient(to right, ${scale})` }), h("span", {}, high),
      h("span", { class: "key hatched" }), h("span", {}, "hidden"), h("span", { class: "key framed" }), h("span", {}, "kept now"), h("span", { class: "key diamond" }, "◆"), h("span", {}, "pinned"));
  }

  stateInWords(token) {
    if (token.state === GIVEN) return "given from the start";
    if (token.state === PINNED) return "pinned";
    return token.state === KEPT ? `kept in step ${token.asked}` : "hidden";
  }

  paintToken() {
    const { data, local, token: box } = this, index = this.shownToken;
    const key = [data.number, local.step, index, local.selected, local.code].join();
    if (key === this.tokenKey) return;
    this.tokenKey = key;
    if (index == null) {
      box.replaceChildren(h("div", { class: "top" }, h("h3", {}, "A token")), h("p", { class: "hint" }, "Point at a token to see what the model thought of it; click to choose one."));
      box.dataset.index = "";
      return;
    }
    const token = tokenAt(data, local.step, index), chosen = this.chosenCode(token);
    Object.assign(box.dataset, { index, code: token.code, asked: token.asked, state: token.state });
    const last = tokenAt(data, data.num_steps, index);
    const fate = token.state === HIDDEN ? `hidden; kept in step ${last.asked}` : this.stateInWords(token);
    const facts = token.asked === 0 ? ["not drawn yet"] : token.state >= GIVEN ? [`last drawn in step ${token.asked}`, `entropy then ${token.entropy.toFixed(2)} nats`]
      : [`probability ${percent(token.probability)}`, `rank ${token.rank}`, `entropy ${token.entropy.toFixed(2)} nats`];
    box.replaceChildren(
      h("div", { class: "top" }, h("h3", {}, `Token ${place(token)}`), h("span", { class: "note" }, "row, column, from 0")),
      h("div", { class: "head" }, this.tile(token.code, "large"), h("div", {}, h("b", {}, token.code < 0 ? "no code yet" : `code ${token.code}`), h("span", { class: "fate" }, fate), h("span", { class: "note" }, facts.join(" · ")))),
      this.bars(token, chosen), this.way(index), this.tokenButtons(token, chosen));
  }

  tile(code, kind = "") {
    const text = code < 0 ? "–" : String(code); // of a large codebook, the number is all there is
    if (code < 0 || !this.sheet) return h("span", { class: `tile number ${kind}`, style: `--letters:${text.length}`, "data-code": code }, text);
    const node = this.sheet.node(code);
    if (kind) node.classList.add(kind);
    return node;
  }

  bars(token, chosen) {
    if (!token.top.length) return h("p", { class: "hint" }, "The model has not been asked about this token yet: go a step forward.");
    const isDrawn = (code) => (code === token.code ? "●" : "");
    const listed = token.top.map(([code, probability]) =>
      h("button", { type: "button", class: "bar", role: "radio", "aria-checked": String(code === chosen), "data-top": code, "data-probability": probability.toFixed(6), title: `choose code ${code}`,
        onclick: () => { this.local.selected = token.index; this.local.code = code; this.soon(); } },
        this.tile(code), h("span", { class: "code" }, String(code)), h("span", { class: "track" }, h("i", { style: `width:${(100 * probability).toFixed(2)}%` })),
        h("span", { class: "value" }, percent(probability)), h("span", { class: "mark", title: "drawn" }, isDrawn(code))));
    return h("div", { class: "bars", role: "radiogroup", "aria-label": `the likeliest codes in step ${token.asked}` },
      h("p", { class: "note" }, `The likeliest codes in step ${token.asked} · ● drawn`), ...listed);
  }

  // The code that each step drew here, as tiles; faint where it is no more than a guess.
  way(index) {
    const { data, local } = this;
    const tiles = Array.from({ length: data.num_steps }, (_, k) => {
      const token = tokenAt(data, k + 1, index), drawn = token.asked === k + 1;
      const words = `step ${k + 1}: code ${token.code}, ${drawn ? percent(token.probability) : this.stateInWords(token)}`;
      return h("span", { class: "was", "data-drawn": drawn ? "1" : "0", "data-kept": token.state === HIDDEN ? "0" : "1", "data-on": k + 1 === local.step ? "1" : "0", title: words }, this.tile(token.code));
    });
    return h("div", { class: "way" }, h("p", { class: "note" }, "Its code after each step · underlined: kept"), h("div", { class: "tiles", style: `--states:${data.num_steps}` }, ...tiles));
  }

  tokenButtons(token, chosen) {
    const isSelected = token.index === this.local.selected, isOff = !isSelected;
    const button = (kind, text, key, disabled) => h("button", { type: "button", "data-do": kind, "data-off": isOff || disabled ? "1" : "0", disabled: this.busy || isOff || disabled, title: key, onclick: () => this.change(kind) }, text);
    return h("div", { class: "buttons" },
      button("pin", chosen == null ? "Pin" : `Pin ${chosen}`, "keep this code from here on (p)", chosen == null),
      button("forbid", chosen == null ? "Forbid" : `Forbid ${chosen}`, "never draw this code here (f)", chosen == null),
      button("hide", "Hide again", "hide this token, to be drawn again (h)", false));
  }

  paintChanges() {
    const { state, local, data } = this, ended = local.step === data.num_steps;
    const words = { pin: (c) => `pin ${place(c)} to ${c.code}`, forbid: (c) => `forbid ${c.code} at ${place(c)}`, hide: (c) => `hide ${place(c)}`, say: (c) => `say “${short(c.prompt, 44)}”` };
    const chips = state.changes.map((each) => h("span", { class: "chip", "data-change": each.kind }, words[each.kind](each)));
    this.changesTitle.textContent = local.step === 0 ? "What to change from the start" : `What to change after step ${local.step}`;
    this.chips.replaceChildren(...(chips.length ? chips : [h("span", { class: "hint" }, "nothing yet: choose a token, or write another prompt")]));
    this.goButton.textContent = ended ? "Apply to the finished picture" : `Continue from step ${local.step}`;
    const then = this.promptThen();
    if (this.promptKey !== then) { this.promptKey = then; this.promptBox.value = then; }
  }

  paintTree() {
    const { state, local } = this, key = [this.loaded.size, state.current, state.compared].join();
    if (key === this.treeKey) return;
    this.treeKey = key;
    const of = (parent, depth) => [...this.loaded.values()].filter((each) => each.parent === parent).flatMap((each) => [this.leaf(each, depth), ...of(each.number, depth + 1)]);
    this.tree.replaceChildren(...of(null, 0));
  }

  leaf(data, depth) {
    const { state } = this, isOn = data.number === state.current, isBeside = data.number === state.compared;
    const name = `${data.number + 1}`, from = data.parent == null ? short(data.prompts[data.num_steps], 64) : `after step ${data.after_step}: ${short(data.words, 64)}`;
    const note = data.parent == null ? `seed ${data.seed} · ${data.num_steps} steps · guidance ${data.guidance_scale}` : `off branch ${data.parent + 1}`;
    const thumb = newCanvas(data, 64, { class: "thumb" });
    paintPicture(thumb, data, data.num_steps, { look: this.look, veil: 1 });
    return h("div", { class: "leaf", role: "treeitem", "aria-level": depth + 1, "aria-selected": String(isOn), "data-leaf": data.number, "data-depth": depth, style: `--depth:${Math.min(depth, 6)}` },
      h("button", { type: "button", class: "choose", "data-do": "branch", title: `${data.prompts[data.num_steps]}${data.parent == null ? "" : `; ${data.words}`}`, onclick: () => this.send({ do: "branch", branch: data.number }) },
        thumb, h("span", { class: "name" }, name), h("span", { class: "about" }, h("span", {}, from), h("span", { class: "note" }, note))),
      isOn ? h("span", { class: "here" }, "on stage")
        : h("button", { type: "button", class: "small", "data-do": "compare", "aria-pressed": String(isBeside), onclick: () => this.send({ do: "compare", branch: isBeside ? null : data.number }) }, "beside"));
  }

  paintCompare() {
    const { data, other, local, look } = this;
    if (!other) {
      this.compareTitle.textContent = "Side by side";
      this.compareBox.replaceChildren(h("p", { class: "hint" }, this.loaded.size > 1 ? "Put another branch beside this one." : "Change something and continue: the new branch will stand beside this one."));
      this.compareKey = this.compareBox.dataset.differ = this.compareBox.dataset.guesses = "";
      return;
    }
    const steps = [clamped(data, local.step), clamped(other, local.step)], kept = [], guesses = [];
    let numKept = 0; // in both; what one of them still hides is a guess (differing in seen.py)
    for (let i = 0; i < data.size; i++) {
      const one = steps[0] * data.size + i, two = steps[1] * data.size + i;
      const isKept = data.states[one] !== HIDDEN && other.states[two] !== HIDDEN;
      numKept += isKept;
      if (data.token_ids[one] !== other.token_ids[two]) (isKept ? kept : guesses).push(i);
    }
    const numGuesses = data.size - numKept, differ = [...kept, ...guesses].sort((a, b) => a - b);
    const key = [data.number, other.number].join();
    if (key !== this.compareKey) {
      this.compareKey = key;
      this.pair = [other, data].map((each) => newCanvas(each, 400, { role: "img", "aria-label": `branch ${each.number + 1}` }));
      this.compareBox.replaceChildren(...[other, data].map((each, k) => h("figure", {}, this.pair[k], h("figcaption", {}, `branch ${each.number + 1}${k ? " · on stage" : ""}`))));
    }
    this.compareTitle.textContent = local.step === 0 && !numKept ? "Side by side: nothing is drawn yet" : `Side by side: ${kept.length} of ${numKept} kept tokens differ` + (numGuesses ? `, and ${guesses.length} of ${numGuesses} guesses (dashed)` : "");
    this.compareBox.dataset.differ = differ.join(" ");
    this.compareBox.dataset.guesses = guesses.join(" ");
    const veil = local.veil ? 0.72 : 0, how = { look, veil, hatch: local.veil || local.step === 0, outlined: kept, guessed: guesses };
    paintPicture(this.pair[0], other, steps[1], how);
    paintPicture(this.pair[1], data, steps[0], how);
  }

  close() {
    for (const [event, listener] of this.listeners) this.model.off(event, listener);
    clearTimeout(this.resting);
    clearTimeout(this.impatient);
    cancelAnimationFrame(this.frame);
    for (const data of this.loaded.values()) for (const image of data.images) URL.revokeObjectURL(image.src);
    if (this.sheet) URL.revokeObjectURL(this.sheet.image.src);
  }
}

async function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const theatre = new Theatre(model, root);
  await theatre.guard(() => theatre.load());
  return () => theatre.close();
}

export default { render };
