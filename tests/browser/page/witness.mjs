// What the page does on the network and what goes wrong in it, written down
// from within, because not every browser tells it outside.
//
// Loaded before the SDK; it listens, and changes nothing that passes.
(() => {
  const seen = { webSockets: [], calls: [], troubles: [] };
  globalThis.witness = seen;

  globalThis.WebSocket = class extends WebSocket {
    constructor(url, ...more) {
      super(url, ...more);
      seen.webSockets.push(String(url));
    }
  };

  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    const call = { method, url: String(url), status: null };
    seen.calls.push(call);
    this.addEventListener("loadend", () => (call.status = this.status));
    return open.call(this, method, url, ...more);
  };

  const { fetch } = globalThis;
  globalThis.fetch = (input, options) => {
    const call = { method: options?.method ?? input.method ?? "GET", url: String(input.url ?? input), status: null };
    seen.calls.push(call);
    const answer = fetch(input, options);
    answer.then((response) => (call.status = response.status), () => (call.status = 0));
    return answer;
  };

  addEventListener("error", (event) => seen.troubles.push(String(event.message)));
  addEventListener("unhandledrejection", (event) => seen.troubles.push(String(event.reason)));
})();
