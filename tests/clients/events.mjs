// Server-sent events in Chromium, whose connections end every other second: it must come back by itself, and have every trade.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { close, open } from './browser.mjs'
import { step } from './client.mjs'

const CONNECTIONS = 4

const page = await open()

// A page of another server, which may listen unless ours is told otherwise.
const elsewhere = createServer((_, response) => response.end('<!doctype html><title>elsewhere</title>'))
await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`)
step(`listening: ${process.argv[4]}`)
await page.evaluate(expression => {
  window.seen = { opens: 0, closes: 0, resets: [], trades: [], ids: [] }
  const source = eval(expression)
  source.addEventListener('open', () => window.seen.opens++)
  source.addEventListener('close', () => window.seen.closes++)
  source.addEventListener('reset', event => window.seen.resets.push(event.data))
  source.addEventListener('trade', event => {
    window.seen.trades.push(JSON.parse(event.data).data.t)
    window.seen.ids.push(event.lastEventId)
  })
}, process.argv[4])

step(`${CONNECTIONS} connections with trades`)
await page.waitForFunction(count => {
  const { opens, trades } = window.seen
  if (opens >= count) window.last ??= trades.length
  return trades.length > window.last
}, CONNECTIONS)
const { opens, closes, resets, trades, ids } = await page.evaluate(() => window.seen)
assert.ok(opens >= CONNECTIONS && closes >= CONNECTIONS - 1, `${opens} connections, ${closes} ends`)
assert.deepEqual(resets, [])
assert.deepEqual(
  trades,
  trades.map((_, place) => trades[0] + place),
  'every trade once, in order',
)
assert.equal(new Set(ids).size, ids.length, 'every event has an id of its own')
assert.match(ids[0], /^[0-9a-f]{8}-\d+\.\d+$/)
await close()
elsewhere.close()
