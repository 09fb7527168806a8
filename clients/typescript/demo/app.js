// A shared shopping list. Everything that is shown comes from the device; the client keeps that in step with the server.
import { IndexedDbStore, SyncClient } from "/client/index.js";

const element = (id) => document.getElementById(id);
const app = "shopping";
let client = null;
let stopListening = () => {};
let space = "";

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");

// A token may come in the fragment, which no server sees.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given !== null) {
  localStorage.setItem("token", given);
  history.replaceState(null, "", "/");
}
element("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = element("token").value.trim();
  if (client !== null && userOf(token) !== userOf(localStorage.getItem("token")))
    return askForToken("This token is of somebody else. Sign out first to use it.");
  localStorage.setItem("token", token);
  element("token").value = "";
  if (client === null) return enter();
  // The list was open all the while; what waited goes out now.
  element("enter").hidden = true;
  await client.sync().catch(() => {});
});

async function enter() {
  const user = userOf(localStorage.getItem("token"));
  if (user === null) {
    localStorage.removeItem("token");
    return askForToken("That is no token. It has three parts with dots between them, such as eyJhbGci....eyJzdWIi....c2lnbmVk.");
  }
  // One database for each user: whoever signs in next must not find the data of the last.
  client = await SyncClient.open({ url: "", app, token: () => localStorage.getItem("token") ?? "", store: await IndexedDbStore.open(`${app}-${user}`) });
  element("enter").hidden = true;
  element("lists").hidden = false;
  client.on("status", showStatus);
  client.on("rejected", showRejections);
  client.on("left", (spaces) => {
    showSpaces(knownSpaces().filter(({ id }) => !spaces.includes(id)));
    notice("You are no longer in a shared list. Its items are gone from this device.");
  });
  showSpaces(knownSpaces());
  show(localStorage.getItem("space") ?? "");
  showStatus(client.status);
  await showRejections();
  client.start();
  await readSpaces();
}

function askForToken(fault = "") {
  if (client === null) element("status").textContent = "Not signed in";
  element("enter").hidden = false;
  element("lists").hidden = client === null;
  element("token-fault").hidden = fault === "";
  element("token-fault").textContent = fault;
}

function userOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub ?? null;
  } catch {
    return null;
  }
}

// --- what is shown

function show(chosen) {
  space = chosen;
  localStorage.setItem("space", chosen);
  element("space").value = chosen;
  element("with-label").textContent = chosen === "" ? "Name of the new shared list" : "E-mail of who joins this list";
  element("with").type = chosen === "" ? "text" : "email";
  element("with-button").textContent = chosen === "" ? "Make it" : "Invite";
  element("sharing-said").textContent = "";
  stopListening();
  stopListening = client.subscribe("items", (records) => showItems(records.filter((record) => record.space === space)));
}

function showItems(records) {
  const items = records.sort((a, b) => (a.fields.added < b.fields.added ? -1 : a.fields.added > b.fields.added ? 1 : a.id < b.id ? -1 : 1));
  const list = element("items");
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  items.forEach((item, i) => {
    const row = rows.get(item.id) ?? newRow(item.id);
    rows.delete(item.id);
    const [tick, title, waits] = [row.querySelector("[type=checkbox]"), row.querySelector(".title"), row.querySelector(".waits")];
    const name = String(item.fields.title ?? "");
    row.classList.toggle("done", item.fields.done === true);
    tick.checked = item.fields.done === true;
    tick.ariaLabel = `Bought: ${name}`;
    row.querySelector("button").ariaLabel = `Remove ${name}`;
    // Not under the fingers of somebody who is typing.
    if (document.activeElement !== title) title.value = name;
    waits.hidden = !item.pending;
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
  });
  for (const row of rows.values()) row.remove();
  const done = items.filter((item) => item.fields.done === true).length;
  element("empty").hidden = items.length > 0;
  element("clear").hidden = done === 0;
  element("count").textContent = items.length === 0 ? "" : `${items.length - done} to buy, ${done} ticked`;
}

function newRow(id) {
  const row = document.createElement("li");
  row.dataset.id = id;
  const label = document.createElement("label");
  const tick = Object.assign(document.createElement("input"), { type: "checkbox" });
  const title = Object.assign(document.createElement("input"), { className: "title", maxLength: 200, ariaLabel: "Item" });
  const waits = Object.assign(document.createElement("span"), { className: "waits", textContent: "not sent yet", hidden: true });
  const remove = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "\u00d7" });
  label.append(tick);
  row.append(label, title, waits, remove);
  tick.addEventListener("change", () => client.update("items", id, { done: tick.checked }, space));
  title.addEventListener("change", async () => {
    const wanted = title.value.trim();
    if (wanted === "") title.value = (await client.get("items", id, space))?.fields.title ?? "";
    else await client.update("items", id, { title: wanted }, space);
  });
  title.addEventListener("keydown", (event) => {
    if (event.key === "Enter") title.blur();
  });
  remove.addEventListener("click", () => removeItems([id]));
  return row;
}

async function removeItems(ids) {
  const records = (await client.list("items")).filter((record) => record.space === space && ids.includes(record.id));
  const from = space;
  await client.write(records.map(({ id }) => ({ op: "delete", table: "items", id, space: from })));
  notice(records.length === 1 ? `Removed ${records[0].fields.title}.` : `Removed ${records.length} items.`, "Undo", () =>
    client.write(records.map(({ id, fields }) => ({ op: "insert", table: "items", id, fields, space: from }))));
}

function showStatus({ phase, unsent, error, syncedAt, live }) {
  const waiting = unsent === 0 ? "" : unsent === 1 ? " 1 edit waits on this device." : ` ${unsent} edits wait on this device.`;
  const when = syncedAt === null ? "" : ` As of ${new Date(syncedAt).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.`;
  const status = element("status");
  status.dataset.phase = phase === "waiting" ? "away" : "ok";
  status.dataset.live = String(live);
  if (phase === "waiting" && error.code.startsWith("token_")) askForToken();
  status.textContent =
    phase !== "waiting" ? (unsent > 0 ? `Sending.${waiting}` : syncedAt === null ? "Reading the list" : "In step with the server.")
    : error.code === "unreachable" || error.code === "server_away" ? `Offline.${when}${waiting}`
    : error.code.startsWith("token_") ? `Your token has ended. Paste a new one; nothing is lost.${waiting}`
    : `${error.detail}${waiting}`;
}

async function showRejections() {
  for (const old of document.querySelectorAll(".notice.refused")) old.remove();
  for (const rejection of await client.rejections()) {
    const what = rejection.fields.title === undefined ? "An edit" : `"${rejection.fields.title}"`;
    notice(`${what} could not be kept: ${rejection.detail}`, "All right", () => client.dismiss(rejection), "refused");
  }
}

function notice(text, action = "All right", deed = () => {}, kind = "") {
  const box = Object.assign(document.createElement("div"), { className: `notice ${kind}`.trim() });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: action });
  button.addEventListener("click", async () => {
    box.remove();
    await deed();
  });
  box.append(Object.assign(document.createElement("span"), { textContent: text }), button);
  element("notices").append(box);
  while (element("notices").children.length > 3) element("notices").firstChild.remove();
}

// --- what is done

element("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const title = element("title").value.trim();
  element("title").value = "";
  if (title !== "") await client.insert("items", { title, done: false, added: new Date().toISOString() }, { space });
});

element("clear").addEventListener("click", async () =>
  removeItems((await client.list("items")).filter((record) => record.space === space && record.fields.done === true).map(({ id }) => id)));

element("space").addEventListener("change", () => show(element("space").value));

element("share").addEventListener("click", () => {
  const open = (element("sharing").hidden = !element("sharing").hidden) === false;
  element("share").ariaExpanded = String(open);
  if (open) element("with").focus();
});

element("sharing").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [text, to] = [element("with").value.trim(), space];
  try {
    if (to === "") {
      const { id } = await call("POST", "/v1/workspaces", { name: text });
      await readSpaces();
      show(id);
      element("sharing-said").textContent = `Made ${text}. Now invite somebody.`;
    } else {
      await call("POST", `/v1/workspaces/${to}/members`, { email: text, role: "member" });
      element("sharing-said").textContent = `Invited ${text}. They see the list after they have signed in.`;
    }
    element("with").value = "";
  } catch (error) {
    element("sharing-said").textContent = error.message;
  }
});

element("leave").addEventListener("click", async () => {
  if (client.status.unsent > 0 && !confirm(`${client.status.unsent} edits have not been sent. Sign out and lose them?`)) return;
  const user = userOf(localStorage.getItem("token"));
  await client.close();
  await (await IndexedDbStore.open(`${app}-${user}`)).destroy();
  localStorage.clear();
  location.reload();
});

function knownSpaces() {
  return JSON.parse(localStorage.getItem("spaces") ?? "[]");
}

async function readSpaces() {
  try {
    const { items } = await call("GET", "/v1/workspaces");
    showSpaces(items.map(({ id, name }) => ({ id, name })));
  } catch {
    // Offline: those of the last time are shown.
  }
}

function showSpaces(spaces) {
  localStorage.setItem("spaces", JSON.stringify(spaces));
  element("space").replaceChildren(...[{ id: "", name: "Just me" }, ...spaces].map(({ id, name }) => new Option(name, id, false, id === space)));
  if (element("space").value !== space) show("");
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, { method, headers: { authorization: `Bearer ${localStorage.getItem("token")}`, "content-type": "application/json" }, ...(body && { body: JSON.stringify(body) }) });
  } catch {
    throw new Error("There is no network right now. Lists are shared and made online; items work without.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? `The server answered ${response.status}.`);
  return answer;
}

// Last: what is shown now has its listeners, so no form goes to the server as a page.
if (localStorage.getItem("token") === null) askForToken();
else await enter();
