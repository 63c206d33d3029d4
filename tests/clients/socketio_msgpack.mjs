// Clients of Socket.IO with npm's `socket.io-msgpack-parser` beside others: what the ones are told is what the others are
// told, number by number.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { io } from 'socket.io-client'
import msgpack from 'socket.io-msgpack-parser'
import { server, step } from './client.mjs'

const address = server.replace('ws:', 'http:')
const COUNT = 100

/** A namespace joined on a connection of its own. */
async function join(namespace, options) {
  const socket = io(address + namespace, { forceNew: true, reconnection: false, ...options })
  socket.on('connect_error', error => assert.fail(`${namespace}: ${error.message}`))
  await once(socket, 'connect')
  return socket
}

/** The events of a socket, by a key that each has once. */
function collect(socket, names, key) {
  const seen = new Map()
  for (const name of names) socket.on(name, (...args) => seen.set(`${name} ${key(args[0])}`, args))
  return seen
}

/** Waits until both have seen so many of the same, and these must be equal. */
async function compare(packed, plain, count) {
  const both = () => [...packed.keys()].filter(key => plain.has(key))
  while (both().length < count) await new Promise(resolve => setTimeout(resolve, 5))
  for (const key of both()) assert.deepStrictEqual(packed.get(key), plain.get(key), key)
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const way = transports.join(' then ')

  for (const [namespace, streams, names, key] of [
    ['/binance', ['btcusdt@trade', 'btcusdt@depth@100ms', 'btcusdt@ticker'], ['trade', 'depth', 'ticker'], e => e.t ?? e.u ?? e.E],
    ['/upbit', ['KRW-BTC@trade', 'KRW-BTC@orderbook'], ['trade', 'orderbook'], e => e.sequential_id ?? e.timestamp],
    ['/', ['binance:btcusdt@trade', 'upbit:KRW-BTC@orderbook'], ['trade', 'orderbook'], e => e.id ?? e.sequence],
  ]) {
    step(`${way}: ${namespace}, with either parser`)
    const packed = await join(namespace, { transports, parser: msgpack })
    const plain = await join(namespace, { transports })
    const [one, other] = [packed, plain].map(socket => collect(socket, names, key))
    for (const socket of [packed, plain]) {
      assert.deepEqual(await socket.emitWithAck('subscribe', streams, { snapshot: false }), { ok: true })
      assert.deepEqual(await socket.emitWithAck('subscriptions'), streams)
    }
    await compare(one, other, COUNT)
    assert.ok([...one.values()].every(([payload, stream]) => typeof payload === 'object' && streams.includes(stream)))
    assert.equal(packed.io.engine.transport.name, transports.at(-1))
    packed.io._close()
    plain.io._close()
  }
}

step('what a namespace that does not exist is answered')
{
  const socket = io(address + '/nosuch', { forceNew: true, reconnection: false, parser: msgpack })
  const [error] = await once(socket, 'connect_error')
  assert.equal(error.message, 'Invalid namespace')
  socket.io._close()
}
process.exit(0)
