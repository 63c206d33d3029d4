// ccxt's pro client of Binance with holes in its book's changes: it throws its book away, takes a snapshot, and goes on.

import assert from 'node:assert/strict'
import ccxt from 'ccxt'

const server = process.argv[2]
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const exchange = new ccxt.pro.binance({ options: { fetchMarkets: { types: ['spot'] }, fetchMargins: false } })
exchange.has.fetchCurrencies = false
exchange.urls.api.public = `${server.replace('ws', 'http')}/api/v3`
exchange.urls.api.ws.spot = `${server}/ws`
await exchange.loadHttpProxyAgent()
await exchange.loadMarkets()

let holes = 0
let since = 0
while (holes < 2 || since < 20) {
  try {
    const book = await exchange.watchOrderBook('BTC/USDT')
    assert.ok(book.bids[0][0] < book.asks[0][0], `${book.bids[0]} ${book.asks[0]}`)
    since++
  } catch (error) {
    assert.ok(error instanceof ccxt.NetworkError || error instanceof ccxt.ChecksumError, error)
    holes++
    since = 0
  }
}
process.exit(0)
