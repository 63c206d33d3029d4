// ccxt's pro client of Binance on a connection that is dead: its own pings tell it, and the next call connects again.

import assert from 'node:assert/strict'
import ccxt from 'ccxt'

const server = process.argv[2]
setTimeout(() => { console.error('the deadline has passed'); process.exit(1) }, 50_000).unref()

const exchange = new ccxt.pro.binance({
  options: { fetchMarkets: { types: ['spot'] }, fetchMargins: false },
  streaming: { keepAlive: 500 },
})
exchange.has.fetchCurrencies = false
exchange.urls.api.public = `${server.replace('ws', 'http')}/api/v3`
exchange.urls.api.ws.spot = `${server}/ws`
await exchange.loadHttpProxyAgent()
await exchange.loadMarkets()

let given
while (given === undefined) {
  try {
    await exchange.watchTrades('BTC/USDT')
  } catch (error) {
    given = error
  }
}
assert.ok(given instanceof ccxt.RequestTimeout, given)
assert.match(given.message, /ping-pong keepalive/)
const trades = await exchange.watchTrades('BTC/USDT')
assert.ok(trades.length > 0)
process.exit(0)
