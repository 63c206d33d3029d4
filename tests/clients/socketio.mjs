// A client of Socket.IO, with npm's `socket.io-client`, over each transport and over the change between them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { server, step } from './client.mjs'
import { io } from './io.mjs'

const address = server.replace('ws:', 'http:')

/** A namespace joined over these transports, on a connection of its own. */
async function join(namespace, transports) {
  const socket = io(address + namespace, { transports, forceNew: true, reconnection: false })
  socket.on('connect_error', error => assert.fail(`${namespace}: ${error.message}`))
  await once(socket, 'connect')
  return socket
}

/** The next `count` events of a name. */
function events(socket, name, count) {
  const seen = []
  return new Promise(resolve => {
    socket.on(name, function take(...args) {
      seen.push(args)
      if (seen.length === count) {
        socket.off(name, take)
        resolve(seen)
      }
    })
  })
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const way = transports.join(' then ')

  step(`${way}: trades of Binance, ids rising`)
  const socket = await join('/binance', transports)
  const trades = events(socket, 'trade', 20)
  assert.deepEqual(await socket.emitWithAck('subscribe', ['btcusdt@trade', 'btcusdt@ticker']), { ok: true })
  let id = 0
  for (const [trade, stream] of await trades) {
    assert.equal(stream, 'btcusdt@trade')
    assert.deepEqual([trade.e, trade.s], ['trade', 'BTCUSDT'])
    assert.ok(trade.t > id, `${trade.t} follows ${id}`)
    id = trade.t
  }

  step(`${way}: tickers`)
  const [[ticker, stream]] = await events(socket, 'ticker', 1)
  assert.deepEqual([ticker.e, ticker.s, stream], ['24hrTicker', 'BTCUSDT', 'btcusdt@ticker'])
  assert.equal(socket.io.engine.transport.name, transports.at(-1))

  step(`${way}: what is subscribed to, and what cannot be`)
  assert.deepEqual(await socket.emitWithAck('unsubscribe', 'btcusdt@trade'), { ok: true })
  assert.deepEqual(await socket.emitWithAck('subscriptions'), ['btcusdt@ticker'])
  const { ok, error } = await socket.emitWithAck('subscribe', ['nosuch'])
  assert.deepEqual([ok, error], [false, 'no such stream: `nosuch`'])

  step(`${way}: a second namespace on the same connection`)
  const upbit = socket.io.socket('/upbit')
  await once(upbit, 'connect')
  assert.notEqual(upbit.id, socket.id)
  const books = events(upbit, 'orderbook', 3)
  await upbit.emitWithAck('subscribe', ['KRW-BTC@orderbook'], { volatile: true })
  for (const [book, stream] of await books) {
    assert.deepEqual([book.type, book.code, stream], ['orderbook', 'KRW-BTC', 'KRW-BTC@orderbook'])
  }
  upbit.disconnect()

  step(`${way}: streams of any venue on the root`)
  const root = socket.io.socket('/')
  const both = Promise.all([events(root, 'bookTicker', 1), events(root, 'ticker', 1)])
  assert.deepEqual(await root.emitWithAck('subscribe', ['binance:ethusdt@bookTicker', 'upbit:KRW-BTC@ticker']), {
    ok: true,
  })
  const [[[book, name]], [[day]]] = await both
  assert.deepEqual([book.venue, book.symbol, name], ['binance', 'ETHUSDT', 'binance:ethusdt@bookTicker'])
  assert.deepEqual([day.venue, day.symbol, day.kind], ['upbit', 'KRW-BTC', 'day_ticker'])
  socket.io._close()
}

step('a namespace that does not exist')
{
  const socket = io(address + '/nosuch', { forceNew: true, reconnection: false })
  const [error] = await once(socket, 'connect_error')
  assert.equal(error.message, 'Invalid namespace')
  socket.io._close()
}
