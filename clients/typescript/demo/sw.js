// Keeps the page itself for when there is no network; its data is in IndexedDB, by the client. The network comes first, so that a new version is seen at once.
const kept = "lockstep-demo-1";

self.addEventListener("install", (event) => event.waitUntil((async () => {
  const cache = await caches.open(kept);
  await cache.addAll(await (await fetch("files")).json());
  await self.skipWaiting();
})()));

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/v1/") || url.pathname === "/files") return;
  event.respondWith((async () => {
    const cache = await caches.open(kept);
    try {
      const response = await fetch(event.request);
      if (response.ok) await cache.put(url.pathname, response.clone());
      return response;
    } catch {
      return (await cache.match(url.pathname)) ?? Response.error();
    }
  })());
});
