// Reads with Node's eventsource, which comes back by itself: node node.mjs URL TYPE...
import { EventSource } from "eventsource"

const [url, ...types] = process.argv.slice(2)
const source = new EventSource(url)
for (const type of types) {
  source.addEventListener(type, ({ type, data, lastEventId }) => console.log(JSON.stringify([type, data, lastEventId])))
}
