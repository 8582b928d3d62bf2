// The WebSocket that browsers have, as Node brings it: `SAMBAND_TOKEN=… node socket.mjs THREAD` types in
// the thread until it hears itself, and prints what comes.
const { SAMBAND_ENDPOINT, SAMBAND_TOKEN } = process.env;
const url = SAMBAND_ENDPOINT.replace(/^http/, "ws") + "/_samband/v1/events";
const socket = new WebSocket(url, ["cloudevents.json", `samband.token.${SAMBAND_TOKEN}`]);
const typing = JSON.stringify({ type: "typing", threadId: process.argv[2], senderDisplayName: "Node" });
let timer;
socket.onopen = () => console.log(`open ${socket.protocol}`);
socket.onmessage = ({ data }) => {
  clearInterval(timer);
  if (JSON.parse(data).type === "Samband.Connected") {
    timer = setInterval(() => socket.send(typing), 100);
    return;
  }
  console.log(data);
};
socket.onerror = ({ message, error }) => console.error(message ?? error);
socket.onclose = ({ code, wasClean }) => {
  clearInterval(timer);
  console.log(`close ${code} ${wasClean}`);
};
