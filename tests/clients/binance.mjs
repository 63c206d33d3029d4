// A client of Binance's streams, with npm's `ws`.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Client, step } from './client.mjs'

step('a combined stream: wrapped trades, ids rising')
{
  const client = await Client.open('/stream?streams=btcusdt@trade')
  let id = 0
  for (let n = 0; n < 5; n++) {
    const { stream, data } = await client.json()
    assert.equal(stream, 'btcusdt@trade')
    assert.deepEqual([data.e, data.s], ['trade', 'BTCUSDT'])
    assert.match(data.p, /^\d+\.\d{8}$/)
    assert.ok(data.t > id, `${data.t} follows ${id}`)
    id = data.t
  }
  await client.close()
}

step('two streams in the address: bare trades of both')
{
  const client = await Client.open('/ws/btcusdt@trade/ethusdt@trade')
  const symbols = new Set()
  while (symbols.size < 2) {
    const event = await client.json()
    assert.equal(event.e, 'trade')
    symbols.add(event.s)
  }
  assert.deepEqual([...symbols].sort(), ['BTCUSDT', 'ETHUSDT'])
  await client.close()
}

step('requests: subscribe, list, unsubscribe')
{
  const client = await Client.open('/ws')
  const ask = request => client.send(JSON.stringify(request))
  ask({ method: 'SUBSCRIBE', params: ['btcusdt@trade', 'btcusdt@bookTicker'], id: 1 })
  assert.equal(await client.text(), '{"result":null,"id":1}', 'nothing comes before the answer')
  ask({ method: 'LIST_SUBSCRIPTIONS', id: 'list' })
  assert.equal(await client.answer(), '{"result":["btcusdt@trade","btcusdt@bookTicker"],"id":"list"}')
  while ((await client.json()).e !== 'trade');

  ask({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: 3 })
  assert.equal(await client.answer(), '{"result":null,"id":3}')
  for (let n = 0; n < 100; n++) {
    const event = await client.json()
    assert.ok('A' in event && !('e' in event), 'only book tickers are left')
  }
  ask({ method: 'LIST_SUBSCRIPTIONS', id: 4 })
  assert.equal(await client.answer(), '{"result":["btcusdt@bookTicker"],"id":4}')

  step('a request that is none')
  client.send('{"method":"SUBSCRIBE"')
  for (;;) {
    const { error } = await client.json()
    if (error === undefined) continue
    assert.equal(error.code, 3)
    break
  }
  await client.close()
}

step('a ping is answered with its own bytes')
{
  const client = await Client.open('/ws')
  client.socket.ping('how are you')
  const [payload] = await once(client.socket, 'pong')
  assert.equal(payload.toString(), 'how are you')
  await client.close()
}

step('an offer to compress is declined, and all goes on without')
{
  const client = new Client('/ws/btcusdt@bookTicker', { perMessageDeflate: true })
  const [[response]] = await Promise.all([once(client.socket, 'upgrade'), once(client.socket, 'open')])
  assert.equal(response.headers['sec-websocket-extensions'], undefined)
  assert.equal(client.socket.extensions, '')
  assert.equal((await client.json()).s, 'BTCUSDT')
  client.socket.close(1000, 'bye')
  assert.equal((await client.closed).code, 1000, 'the close is answered in kind')
}
