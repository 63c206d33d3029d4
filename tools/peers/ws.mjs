// `ws`: a set of sockets for each topic, each sent the same bytes, as its documentation broadcasts.

import { WebSocketServer } from 'ws'
import { play, topics, topicsOf } from './feed.mjs'

const rooms = new Map(topics.map(topic => [topic, new Set()]))
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false })
server.on('connection', (socket, request) => {
  const joined = topicsOf(request.url).filter(topic => rooms.has(topic))
  joined.forEach(topic => rooms.get(topic).add(socket))
  socket.on('close', () => joined.forEach(topic => rooms.get(topic).delete(socket)))
  socket.on('error', () => {})
})
server.on('listening', () => {
  console.log(`ws://127.0.0.1:${server.address().port}/ws/{streams}`)
  play((topic, event) => {
    const data = Buffer.from(JSON.stringify(event))
    for (const socket of rooms.get(topic)) socket.send(data, { binary: false })
  })
})
