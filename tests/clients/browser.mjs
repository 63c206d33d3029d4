// Chromium, of the path that is the script's second argument.

import { chromium } from 'playwright-core'

const browser = await chromium.launch({
  executablePath: process.argv[3],
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})

// A new page; scripts have a deadline of their own, so nothing on it has one.
export async function open(options) {
  const page = await browser.newPage(options)
  page.setDefaultTimeout(0)
  return page
}

export const close = () => browser.close()
