// Twelve clients of Socket.IO on a network that comes and goes, left to themselves: each comes back whatever happens to its
// connection, also where nothing tells but silence.

import assert from 'node:assert/strict'
import { io } from 'socket.io-client'

const server = process.argv[2].replace('ws', 'http')
const CLIENTS = 12
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const reasons = new Map()
const clients = Array.from({ length: CLIENTS }, () => {
  const client = { connects: 0, last: 0 }
  // A connection, and not the one that they all would share.
  client.socket = io(`${server}/binance`, { forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 1_000 })
  client.socket.on('connect', () => { client.connects++; client.socket.emit('subscribe', 'btcusdt@trade') })
  client.socket.on('disconnect', why => reasons.set(why, (reasons.get(why) ?? 0) + 1))
  client.socket.onAny(() => { client.last = Date.now() })
  return client
})

// Two were told by silence alone, and others by the end of their connection.
const cut = () => (reasons.get('transport close') ?? 0) + (reasons.get('transport error') ?? 0)
while ((reasons.get('ping timeout') ?? 0) < 2 || cut() < 5) await new Promise(resolve => setTimeout(resolve, 20))
assert.ok(clients.filter(client => client.connects > 1).length > 3, 'those have come back')
// Whoever is away just now comes back.
const end = Date.now()
for (const client of clients) {
  while (client.last < end) await new Promise(resolve => setTimeout(resolve, 20))
}
process.exit(0)
