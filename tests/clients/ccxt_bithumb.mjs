// ccxt's pro client of Bithumb as it is, its second generation, but for the address of the socket; markets are given to
// it, as there is no REST.

import assert from 'node:assert/strict'
import ccxt from 'ccxt'

const server = process.argv[2]
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const exchange = new ccxt.pro.bithumb({ enableRateLimit: false })
exchange.urls.api.ws.publicGen2 = `${server}/bithumb/websocket/v1`
const market = base => ({
  id: `KRW-${base}`, symbol: `${base}/KRW`, base, quote: 'KRW', baseId: base, quoteId: 'KRW', type: 'spot', spot: true, active: true,
  precision: { amount: 4, price: 4 }, limits: {}, info: {},
})
exchange.setMarkets([market('BTC'), market('ETH')])
// Asked for by the library itself before it connects without TLS.
await exchange.loadHttpProxyAgent()

const symbol = 'BTC/KRW'
const ticker = await exchange.watchTicker(symbol)
assert.equal(ticker.symbol, symbol)
assert.ok(ticker.low <= ticker.last && ticker.last <= ticker.high, JSON.stringify(ticker))

// Each request replaces the one before, as at the exchange.
for (let n = 0; n < 3; n++) {
  const [trade] = await exchange.watchTrades(symbol)
  assert.equal(trade.symbol, symbol)
  assert.ok(trade.price > 0 && trade.amount > 0 && ['buy', 'sell'].includes(trade.side), JSON.stringify(trade))
}

for (let n = 0; n < 3; n++) {
  const book = await exchange.watchOrderBook(symbol)
  assert.equal(book.symbol, symbol)
  assert.ok(book.bids[0][0] < book.asks[0][0], `${book.bids[0]} ${book.asks[0]}`)
}
await exchange.close()
