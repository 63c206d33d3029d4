// A client of Socket.IO whose connection breaks, with npm's `socket.io-client`: it goes on where it was.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { server, step } from './client.mjs'
import { io } from './io.mjs'

const socket = io(server.replace('ws:', 'http:') + '/binance', { reconnectionDelay: 200, reconnectionDelayMax: 300 })

step('the first connection')
await once(socket, 'connect')
assert.equal(socket.recovered, false)
const id = socket.id
let last = 0
let seen = 0
socket.on('trade', ({ t }) => {
  assert.ok(last === 0 || t === last + 1, `${t} follows ${last}`)
  last = t
  seen++
})
await socket.emitWithAck('subscribe', ['btcusdt@trade'])

for (let round = 1; round <= 3; round++) {
  step(`connection ${round} breaks`)
  while (seen < 20 * round) await new Promise(resolve => setTimeout(resolve, 5))
  socket.io.engine.close()
  await once(socket, 'connect')
  assert.equal(socket.recovered, true)
  assert.equal(socket.id, id)
}

step('the rooms are those of before')
assert.deepEqual(await socket.emitWithAck('subscriptions'), ['btcusdt@trade'])
socket.close()
