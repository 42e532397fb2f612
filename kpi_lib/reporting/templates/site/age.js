// Says in the page how old the page is, so that a site nobody renews cannot look alive.
(() => {
  "use strict";
  const { builtAt, staleAfterHours, asOf } = document.documentElement.dataset;
  const built = Date.parse(builtAt);
  const limit = Number(staleAfterHours);
  const banner = document.getElementById("age");
  if (!banner || Number.isNaN(built) || !(limit > 0)) return;
  const words = (hours) => (hours < 72 ? `${Math.floor(hours)} hours` : `${Math.floor(hours / 24)} days`);
  const made = [...document.querySelectorAll("time[data-age]")].map((item) => [item, item.textContent]);
  const check = () => {
    for (const [item, text] of made) {
      const hours = (Date.now() - Date.parse(item.dateTime)) / 3_600_000;
      item.textContent = hours < 1 ? text : `${text} (${words(hours)} ago)`;
    }
    const hours = (Date.now() - built) / 3_600_000;
    const stale = hours > limit;
    // A banner that says why is enough.
    banner.hidden = !stale || made.length > 0;
    const text = `Stale: this page was made ${words(hours)} ago and should be renewed every ${limit} hours. Its figures are as of ${asOf}.`;
    if (stale && banner.textContent !== text) banner.textContent = text;
  };
  check();
  setInterval(check, 60_000);
})();
