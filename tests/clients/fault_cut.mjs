// ccxt's pro client of Binance whose connection has lasted as long as one may: the call that waits fails, and the next one
// connects again.

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

let cut
while (cut === undefined) {
  try {
    await exchange.watchTrades('BTC/USDT')
  } catch (error) {
    cut = error
  }
}
assert.ok(cut instanceof ccxt.NetworkError, cut)
assert.match(cut.message, /1001|closed/)
const trades = await exchange.watchTrades('BTC/USDT')
assert.ok(trades.length > 0)
process.exit(0)
