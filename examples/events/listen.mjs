// A user's events as they come; after a break they go on where they were. For browsers and Node 20
// alike: it uses fetch, since EventSource cannot send a token.
//
//   for await (const event of events("https://…", token)) console.log(event.type, event.data);
export async function* events(endpoint, token) {
  for (let position; ; await new Promise((resolve) => setTimeout(resolve, 1000))) {
    const connection = new AbortController();
    let silence, refused;
    // The server says something every 15 s: longer silence is a dead connection.
    const heard = () => (clearTimeout(silence), (silence = setTimeout(() => connection.abort(), 30_000)));
    try {
      heard();
      const headers = { authorization: `Bearer ${token}`, ...(position && { "last-event-id": position }) };
      const response = await fetch(`${endpoint}/_samband/v1/events`, { headers, signal: connection.signal });
      if (response.status === 410) position = undefined; // Away for too long: list the messages anew here.
      else if (!response.ok && response.status < 500) refused = await response.text();
      const parts = response.ok && response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let part; parts && !(part = await parts.read()).done; heard()) {
        const ended = (text + part.value).split("\n\n");
        text = ended.pop(); // Not ended yet. What a break cuts short is sent again.
        for (const event of ended) {
          const { id, data } = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s)));
          if (data) yield JSON.parse(data);
          position = id ?? position;
        }
      }
    } catch (broken) {
      console.warn(String(broken.cause ?? broken));
    } finally {
      clearTimeout(silence);
      connection.abort();
    }
    if (refused) throw new Error(refused);
  }
}

// In Node, started by itself: prints each event as JSON on a line of its own.
if (globalThis.process?.argv[1]?.endsWith("listen.mjs")) {
  const { SAMBAND_ENDPOINT, SAMBAND_TOKEN } = process.env;
  for await (const event of events(SAMBAND_ENDPOINT, SAMBAND_TOKEN)) console.log(JSON.stringify(event));
}
