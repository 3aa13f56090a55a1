// A page that is opened from disk may not start a worker: the search then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = `<!doctype html><script>
        window.postMessage = data => frameElement.dispatchEvent(new MessageEvent("message", { data }));
      </script><script src="${new URL(url, document.baseURI)}"></script>`;
      frame.addEventListener("message", event => {
        event.stopPropagation();
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      });
      this.loaded = new Promise(done => frame.addEventListener("load", () => done(frame.contentWindow)));
      document.body.append(frame);
    }

    postMessage(data) {
      this.loaded.then(inside => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {}
  };
}
