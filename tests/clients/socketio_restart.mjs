// A connection that the server ends, with npm's `socket.io-client`: it comes back by itself, over each transport, unless it
// has left by its own will.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { io } from 'socket.io-client'
import { server, step } from './client.mjs'

const address = server.replace('ws:', 'http:')
const options = { forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 200 }
const ways = [['websocket'], ['polling'], ['polling', 'websocket']]

/** A namespace joined, with trades on the way. */
async function listen(transports) {
  const socket = io(address + '/binance', { ...options, transports })
  const upgraded = transports.length > 1 && once(socket.io.engine, 'upgrade')
  await once(socket, 'connect')
  await upgraded
  assert.deepEqual(await socket.emitWithAck('subscribe', ['btcusdt@trade']), { ok: true })
  await once(socket, 'trade')
  return socket
}

for (const transports of ways) {
  step(`${transports}: too much is said`)
  const socket = await listen(transports)
  const ended = once(socket, 'disconnect')
  const back = ended.then(() => once(socket, 'connect'))
  for (let n = 0; n < 1000; n++) socket.emit('subscriptions')
  const [reason] = await ended
  assert.notEqual(reason, 'io server disconnect', 'that would be for good')
  await back
  assert.deepEqual(await socket.emitWithAck('subscriptions'), [], 'it is another session')
  socket.io._close()
}

step('the server stops')
const sockets = await Promise.all(ways.map(listen))
const left = sockets[0].io.socket('/upbit')
await once(left, 'connect')
left.disconnect()
const reasons = Promise.all(sockets.map(socket => once(socket, 'disconnect')))
const back = reasons.then(() => Promise.all(sockets.map(socket => once(socket, 'connect'))))
console.log('RESTART')
for (const [reason] of await reasons) assert.match(reason, /^transport (close|error)$/)

step('the server is there again')
await back
for (const socket of sockets) {
  assert.deepEqual(await socket.emitWithAck('subscribe', ['btcusdt@trade']), { ok: true })
  await once(socket, 'trade')
  socket.close()
}
assert.equal(left.connected, false)
process.exit(0)
