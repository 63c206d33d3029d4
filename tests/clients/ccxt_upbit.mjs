// ccxt's pro client of Upbit as it is, but for the addresses: four kinds of updates of one market, then of a second one,
// for which it asks for all of it anew, on one connection.

import assert from 'node:assert/strict'
import ccxt from 'ccxt'

const server = process.argv[2]
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const exchange = new ccxt.pro.upbit({ enableRateLimit: false })
const rest = server.replace('ws', 'http')
exchange.urls.api = { ...exchange.urls.api, public: rest, private: rest, ws: `${server}/websocket/v1` }
// Asked for by the library itself before it connects without TLS.
await exchange.loadHttpProxyAgent()
await exchange.loadMarkets()

const watched = []
const watch = async symbol => {
  watched.push(symbol)
  const ticker = await exchange.watchTicker(symbol)
  assert.equal(ticker.symbol, symbol)
  assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high, JSON.stringify(ticker))

  const [trade] = await exchange.watchTrades(symbol)
  assert.ok(trade.price > 0 && trade.amount > 0 && ['buy', 'sell'].includes(trade.side), JSON.stringify(trade))
  assert.equal(trade.symbol, symbol)

  const book = await exchange.watchOrderBook(symbol)
  assert.equal(book.symbol, symbol)
  assert.ok(book.bids[0][0] < book.asks[0][0], `${book.bids[0]} ${book.asks[0]}`)
  assert.ok(book.bids.length >= 15)

  const [opened, open, high, low, close] = await exchange.watchOHLCV(symbol, '1s')
  assert.ok(opened % 1_000 === 0 && low <= Math.min(open, close) && high >= Math.max(open, close))
}

await watch('BTC/KRW')
await watch('ETH/KRW')
// Both go on: three more of each kind of each market.
for (const symbol of watched) {
  const next = [
    () => exchange.watchTicker(symbol),
    () => exchange.watchTrades(symbol),
    () => exchange.watchOrderBook(symbol),
    () => exchange.watchOHLCV(symbol, '1s'),
  ]
  for (const call of next) for (let n = 0; n < 3; n++) await call()
}
const clients = Object.values(exchange.clients)
assert.equal(clients.length, 1, 'one connection')
assert.equal(clients[0].error, undefined)
await exchange.close()
