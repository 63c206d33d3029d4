// Raw sockets of Node: lines.

import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { play, topics } from './feed.mjs'

const rooms = new Map(topics.map(topic => [topic, new Set()]))
const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => {})
  createInterface({ input: socket }).on('line', line => {
    const joined = line.split(' ').slice(1).filter(topic => rooms.has(topic))
    joined.forEach(topic => rooms.get(topic).add(socket))
    socket.on('close', () => joined.forEach(topic => rooms.get(topic).delete(socket)))
  })
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`tcp://127.0.0.1:${server.address().port}`)
  play((topic, event) => {
    const data = Buffer.from(JSON.stringify(event) + '\n')
    for (const socket of rooms.get(topic)) socket.write(data)
  })
})
