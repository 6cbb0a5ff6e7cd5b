// Follows the latest events: the server sends the list whenever it changes. Without JavaScript the page is reloaded
// instead.
const list = document.getElementById("list");
const state = document.getElementById("state");
const stream = new EventSource("/activity/events");

stream.addEventListener("open", () => {
  state.textContent = "This page is live.";
});
stream.addEventListener("message", (event) => {
  list.innerHTML = event.data;
});
stream.addEventListener("error", () => {
  // The server closes the stream when the login ends, and refuses the next one. The reloaded page says why.
  if (stream.readyState === EventSource.CLOSED) location.reload();
  else state.textContent = "Connecting again …";
});
