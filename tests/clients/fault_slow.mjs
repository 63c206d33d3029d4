// A client with npm's `ws` that compares the events' time with its own clock, as bots do: it leaves a feed that is late,
// and says why.

import assert from 'node:assert/strict'
import { Client, step } from './client.mjs'

const LATE_MS = 450

step('a feed that is in time')
const client = await Client.open('/ws/btcusdt@trade')
let inTime = 0
let late = 0
while (late < 3) {
  step(`a feed that is late, after ${inTime} events in time`)
  const { E } = await client.json()
  const lag = Date.now() - E
  if (lag < LATE_MS) {
    inTime++
    late = 0
  } else {
    late++
  }
}
assert.ok(inTime > 10, `${inTime} events were in time`)
client.socket.close(4000, 'the feed is late')
await client.closed
