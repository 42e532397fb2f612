// Says in the page how old the page is, so that a site nobody renews cannot look alive.
(() => {
  "use strict";
  const { builtAt, staleAfterHours, asOf } = document.documentElement.dataset;
  const built = Date.parse(builtAt);
  const limit = Number(staleAfterHours);
  const banner = document.getElementById("age");
  if (!banner || Number.isNaN(built) || !(limit > 0)) return;
  const words = (hours) => (hours < 72 ? `${Math.floor(hours)} hours` : `${Math.floor(hours / 24)} days`);
  const check = () => {
    const hours = (Date.now() - built) / 3_600_000;
    const stale = hours > limit;
    banner.hidden = !stale;
    const text = `Stale: this page was made ${words(hours)} ago and should be renewed every ${limit} hours. Its figures are as of ${asOf}.`;
    if (stale && banner.textContent !== text) banner.textContent = text;
  };
  check();
  setInterval(check, 60_000);
})();
