// Bun's server and its own publish, which is uWebSockets inside.

import { play, topicsOf } from './feed.mjs'

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, server) {
    const { pathname } = new URL(request.url)
    return server.upgrade(request, { data: topicsOf(pathname) }) ? undefined : new Response('WebSocket', { status: 426 })
  },
  websocket: {
    perMessageDeflate: false,
    open: socket => socket.data.forEach(topic => socket.subscribe(topic)),
    message() {},
  },
})
console.log(`ws://127.0.0.1:${server.port}/ws/{streams}`)
play((topic, event) => server.publish(topic, JSON.stringify(event)))
