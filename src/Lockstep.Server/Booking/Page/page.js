(() => {
  const url = new URL(location.href);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (url.searchParams.has("tz") || !zone || zone === document.documentElement.dataset.zone) return;
  url.searchParams.set("tz", zone);
  location.replace(url);
})();
