// Publishes the feed to a broker: `node publisher.mjs redis|nats PORT`.

import { connect } from 'node:net'
import { play } from './feed.mjs'

const [broker, port] = process.argv.slice(2)
const commands = {
  nats: (topic, text) => `PUB ${topic} ${Buffer.byteLength(text)}\r\n${text}\r\n`,
  redis: (topic, text) =>
    `*3\r\n$7\r\nPUBLISH\r\n$${Buffer.byteLength(topic)}\r\n${topic}\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`,
}
const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
socket.on('data', data => String(data).includes('PING') && socket.write('PONG\r\n'))
socket.on('connect', () => {
  if (broker === 'nats') socket.write('CONNECT {"verbose":false}\r\n')
  play((topic, event) => socket.write(commands[broker](topic, JSON.stringify(event))))
})
