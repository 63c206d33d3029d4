// Socket.IO: a room for each topic.

import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { play } from './feed.mjs'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], serveClient: false })
const namespace = io.of('/binance')
namespace.on('connection', socket => socket.on('subscribe', topics => socket.join(topics)))
http.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`socketio://127.0.0.1:${http.address().port}/binance`)
  play((topic, event) => namespace.to(topic).emit('ticker', event, topic))
})
