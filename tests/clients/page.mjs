// The server's own page in Chromium, with TLS where the address is wss://. Prints RESTART when the server may be stopped and started again.

import assert from 'node:assert/strict'
import { close, open } from './browser.mjs'
import { server, step } from './client.mjs'

const address = server.replace(/^ws/, 'http')
const NARROW = { width: 400, height: 800 }

const page = await open({ ignoreHTTPSErrors: address.startsWith('https:') })
const complaints = []
process.on('exit', code => code === 0 || console.error('what the page complained of:', complaints))
page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
page.on('pageerror', error => complaints.push(`${error}`))
page.on('request', request => {
  assert.equal(new URL(request.url()).host, new URL(address).host, 'nothing is fetched from elsewhere')
})

step('opening the page')
await page.goto(address)

// All that a cell has shown, and all that the state line has said.
await page.evaluate(() => {
  window.shown = {}
  const look = () => {
    const note = (name, text) => {
      const texts = (window.shown[name] ??= [])
      if (text && text !== texts.at(-1)) texts.push(text)
    }
    note('state', document.getElementById('state').textContent)
    for (const cell of document.querySelectorAll('tr[data-symbol] [data-field]')) {
      note(`${cell.parentNode.dataset.symbol} ${cell.dataset.field}`, cell.textContent)
    }
  }
  look()
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
})
const shown = async name => (await page.evaluate(() => window.shown))[name]

step('two changes of a last price on either venue')
await page.waitForFunction(() =>
  // The first text is a dash.
  ['BTCUSDT last', 'KRW-BTC last'].every(name => window.shown[name]?.length >= 1 + 1 + 2),
)
step('the other cells')
await page.waitForFunction(() =>
  ['BTCUSDT', 'KRW-BTC'].every(symbol =>
    ['change', 'bid', 'ask', 'rate'].every(field => window.shown[`${symbol} ${field}`].length >= 2),
  ),
)
step('the state')
await page.waitForFunction(() => window.shown.state.at(-1) === 'live')
for (const [symbol, venue] of [['BTCUSDT', 'binance'], ['KRW-BTC', 'upbit']]) {
  assert.equal(await page.getAttribute(`tr[data-symbol="${symbol}"]`, 'data-venue'), venue)
  const text = async field => (await shown(`${symbol} ${field}`)).at(-1)
  const number = async field => Number((await text(field)).replaceAll(',', ''))
  assert.match(await text('change'), /^(▲ \+|▼ −)?\d+\.\d\d%$/)
  for (const field of ['last', 'bid', 'ask']) assert.ok((await number(field)) > 0, field)
  assert.ok((await number('rate')) > 0, 'events a second')
}
assert.match(await page.textContent('#feed'), /^demo/)
assert.equal(await page.textContent('#speed'), '1x')

step('its looks')
for (const colorScheme of ['light', 'dark']) {
  await page.emulateMedia({ colorScheme })
  const [red, green, blue] = await page.evaluate(() =>
    getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number),
  )
  assert.equal(red + green + blue > 3 * 128, colorScheme === 'light')
}
await page.setViewportSize(NARROW)
assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= NARROW.width, 'it fits a telephone')
assert.equal(await page.getByRole('row', { name: 'BTCUSDT' }).count(), 1, 'what looks unlike a table is still one')
assert.deepEqual(complaints, [])

step('losing the server and finding it again')
console.log('RESTART')
await page.waitForFunction(() => {
  const lost = window.shown.state.findIndex(text => /reconnecting in \d+ s$/.test(text))
  return lost >= 0 && window.shown.state.indexOf('live', lost) > lost
})
const before = (await shown('BTCUSDT last')).length
await page.waitForFunction(count => window.shown['BTCUSDT last'].length > count, before)
// That a server which is not there could not be reached is the browser's own complaint.
assert.deepEqual(complaints.filter(text => !/ERR_CONNECTION|WebSocket connection/.test(text)), [])

await close()
