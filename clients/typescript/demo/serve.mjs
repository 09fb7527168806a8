// Serves the demo and passes /v1 on to a Lockstep server, so that both have one origin.
//   node demo/serve.mjs [--port 5090] [--server http://127.0.0.1:5080]
import { createServer, request } from "node:http";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { port: { type: "string", default: "5090" }, server: { type: "string", default: process.env.LOCKSTEP_URL ?? "http://127.0.0.1:5080" } } });
const here = fileURLToPath(new URL(".", import.meta.url));
const types = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml" };

// A list, not a folder: no path of a request ever reaches the file system.
const files = new Map([["/", `${here}index.html`]]);
for (const name of ["style.css", "app.js", "sw.js", "icon.svg"]) files.set(`/${name}`, here + name);
for (const name of readdirSync(`${here}../dist`)) if (name.endsWith(".js")) files.set(`/client/${name}`, `${here}../dist/${name}`);

const server = createServer((incoming, outgoing) => {
  const path = new URL(incoming.url, "http://any").pathname;
  if (path.startsWith("/v1/")) return pass(incoming, outgoing);
  const headers = { "cache-control": "no-cache", "content-security-policy": "default-src 'self'", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };
  if (path === "/files") {
    // What the service worker keeps for when there is no network.
    outgoing.writeHead(200, { ...headers, "content-type": "application/json" }).end(JSON.stringify([...files.keys()].filter((name) => name !== "/sw.js")));
  } else if (files.has(path)) {
    const file = files.get(path);
    outgoing.writeHead(200, { ...headers, "content-type": types[file.split(".").at(-1)] }).end(readFileSync(file));
  } else {
    outgoing.writeHead(404, { ...headers, "content-type": "text/plain" }).end("There is nothing here. The demo is at /.\n");
  }
});

function pass(incoming, outgoing) {
  const onward = request(new URL(incoming.url, values.server), { method: incoming.method, headers: { ...incoming.headers, host: new URL(values.server).host } }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    outgoing.flushHeaders();
    answer.pipe(outgoing);
  });
  onward.on("error", () => {
    if (outgoing.headersSent) return outgoing.destroy();
    outgoing.writeHead(502, { "content-type": "application/problem+json" }).end(JSON.stringify({ status: 502, code: "server_away", detail: `No Lockstep server answers at ${values.server}. Start it: ./lockstep serve` }));
  });
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}

server.on("error", (error) => {
  console.error(error.code === "EADDRINUSE" ? `Port ${values.port} is taken. Choose another with --port.` : error.message);
  process.exitCode = 1;
});
server.listen(Number(values.port), "127.0.0.1", () => console.log(`The demo is at http://127.0.0.1:${server.address().port}/ and talks to ${values.server}`));
