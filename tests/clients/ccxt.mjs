// ccxt's pro client of Binance as it is, but for the addresses: markets by REST, then trades, ticker, candles, and a book
// that it keeps itself from a snapshot and the changes that follow.

import assert from 'node:assert/strict'
import ccxt from 'ccxt'

const server = process.argv[2]
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const exchange = new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot'] }, fetchMargins: false } })
exchange.has.fetchCurrencies = false
exchange.urls.api.public = `${server.replace('ws', 'http')}/api/v3`
exchange.urls.api.ws.spot = `${server}/ws`
// Asked for by the library itself before it connects without TLS.
await exchange.loadHttpProxyAgent()

await exchange.loadMarkets()
assert.equal(exchange.market('BTC/USDT').precision.price, 0.01)

const [trade] = await exchange.watchTrades('BTC/USDT')
assert.ok(trade.price > 0 && trade.amount > 0 && ['buy', 'sell'].includes(trade.side))

const ticker = await exchange.watchTicker('BTC/USDT')
assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high)

const [[openTime, open, high, low, close]] = await exchange.watchOHLCV('BTC/USDT', '1m')
assert.ok(openTime % 60_000 === 0 && low <= Math.min(open, close) && high >= Math.max(open, close))

let nonce = 0
for (let update = 0; update < 30; update++) {
  const book = await exchange.watchOrderBook('BTC/USDT')
  assert.ok(book.nonce >= nonce && book.bids[0][0] < book.asks[0][0], `${book.bids[0]} ${book.asks[0]}`)
  assert.ok(book.bids.length > 50)
  nonce = book.nonce
}
await exchange.close()
