// Follows the latest events: the server sends the list whenever it changes. Without JavaScript the page is reloaded
// instead.
const list = document.getElementById("list");
const state = document.getElementById("state");
let stream;

// Over HTTP/1.1 a browser opens at most six connections to a site, for all its tabs together. So a hidden tab keeps none.
function follow() {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
    state.textContent = "This page waits until it is seen.";
  } else if (!stream) {
    stream = listen();
  }
}

function listen() {
  const opened = new EventSource("/activity/events");
  opened.addEventListener("open", () => {
    state.textContent = "This page is live.";
  });
  opened.addEventListener("message", (event) => {
    list.innerHTML = event.data;
  });
  opened.addEventListener("error", () => {
    // The server closes the stream when the login ends, and refuses the next one. The reloaded page says why.
    if (opened.readyState === EventSource.CLOSED) location.reload();
    else state.textContent = "Connecting again …";
  });
  return opened;
}

document.addEventListener("visibilitychange", follow);
follow();
