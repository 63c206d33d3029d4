// Two clients of an exchange that restarts: npm's `ws` on Binance's streams, which is told and closed, and Socket.IO's own
// client, which is told nothing, tries until it gets in, and says what it wants each time it has.

import assert from 'node:assert/strict'
import { io } from 'socket.io-client'
import { Client, server, step } from './client.mjs'

step('both listen')
const client = await Client.open('/stream?streams=btcusdt@trade')
const socket = io(`${server.replace('ws', 'http')}/binance`, { reconnectionDelay: 200, reconnectionDelayMax: 1_000 })
let connects = 0
let failures = 0
let reason
let events = 0
socket.on('connect', () => { connects++; socket.emit('subscribe', 'btcusdt@trade') })
socket.on('disconnect', why => { reason = why })
socket.io.on('reconnect_error', () => failures++)
socket.onAny(() => { events += connects > 1 ? 1 : 0 })

step('the exchange says that it goes down, and closes')
for (;;) {
  const { stream, data } = await client.json()
  if (stream === 'btcusdt@trade') continue
  assert.equal(stream, '!serverShutdown')
  assert.equal(data.e, 'serverShutdown')
  break
}
assert.equal((await client.closed).code, 1001)

step('Socket.IO gets in when the exchange is back, and not before')
while (connects < 2 || events < 5) await new Promise(resolve => setTimeout(resolve, 20))
assert.ok(failures > 0, 'attempts were refused in between')
assert.match(reason, /transport close|transport error|io server disconnect/)

step('so does ws')
for (;;) {
  try {
    const again = await Client.open('/stream?streams=btcusdt@trade')
    assert.equal((await again.json()).stream, 'btcusdt@trade')
    break
  } catch (error) {
    assert.match(`${error.code}`, /ECONNRESET|ECONNREFUSED/)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
process.exit(0)
