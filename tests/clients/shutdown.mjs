// What clients are told when the server stops. Prints READY when it may.

import assert from 'node:assert/strict'
import { Client, step } from './client.mjs'

step('clients of both venues, busy and idle')
const busy = await Client.open('/stream?streams=btcusdt@bookTicker')
const idle = await Client.open('/ws')
const upbit = await Client.open('/websocket/v1')
const upbitIdle = await Client.open('/websocket/v1')
upbit.send('[{"ticket":"test"},{"type":"orderbook","codes":["KRW-BTC"]}]')
await Promise.all([busy.text(), upbit.text()])

step('the end')
console.log('READY')
for (const client of [busy, idle]) {
  assert.deepEqual(await client.closed, { code: 1001, reason: 'Server shutdown' })
}
for (const client of [upbit, upbitIdle]) {
  // Upbit's clients take 1000 and 1001 for the regular end and would not come back.
  assert.deepEqual(await client.closed, { code: 1012, reason: 'Server shutdown' })
}
