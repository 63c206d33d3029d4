// Publishes the feed to a broker: `node publisher.mjs redis|nats|nchan PORT`.

import { connect } from 'node:net'
import { play, topics } from './feed.mjs'

const [broker, port] = process.argv.slice(2)

/// A connection to the broker; what it says goes to `told`.
const open = (first, told) => {
  const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
  if (first) socket.write(first)
  socket.on('data', data => told?.(String(data), socket))
  return socket
}

/// A frame of WebSocket, with a mask of zeros.
const frame = text => {
  const head = Buffer.from([0x81, 0xfe, 0, 0, 0, 0, 0, 0])
  head.writeUInt16BE(Buffer.byteLength(text), 2)
  return Buffer.concat([head, Buffer.from(text)])
}

const brokers = {
  nats() {
    const socket = open('CONNECT {"verbose":false}\r\n', said => said.includes('PING') && socket.write('PONG\r\n'))
    play((topic, event) => {
      const text = JSON.stringify(event)
      socket.write(`PUB ${topic} ${Buffer.byteLength(text)}\r\n${text}\r\n`)
    })
  },
  redis() {
    const socket = open()
    play((topic, event) => {
      const text = JSON.stringify(event)
      socket.write(
        `*3\r\n$7\r\nPUBLISH\r\n$${Buffer.byteLength(topic)}\r\n${topic}\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`,
      )
    })
  },
  // A channel is an address, so each has a connection. What has been published is answered, and not looked at.
  async nchan() {
    const upgraded = topic =>
      new Promise(resolve => {
        const head =
          `GET /pub/${topic} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
        open(head, (said, socket) => said.startsWith('HTTP/1.1 101') && resolve([topic, socket]))
      })
    const sockets = new Map(await Promise.all(topics.map(upgraded)))
    play((topic, event) => sockets.get(topic).write(frame(JSON.stringify(event))))
  },
}
brokers[broker]()
