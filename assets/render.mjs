// Makes the PNGs of the app icon and the tray images from their SVGs with a Chromium:  node assets/render.mjs
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const jobs = [
  ...[16, 32, 48, 64, 128, 256, 512].map((size) => ['icons/weft.svg', `icons/${size}.png`, size]),
  ...['on', 'busy', 'off', 'warn', 'Template'].flatMap((name) => [
    [`tray/${name}.svg`, `tray/${name}.png`, name === 'Template' ? 18 : 22],
    [`tray/${name}.svg`, `tray/${name}@2x.png`, name === 'Template' ? 36 : 44],
  ]),
];
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.WEFT_CHROMIUM ?? '/usr/bin/chromium', args });
const page = await browser.newPage();
for (const [from, to, size] of jobs) {
  const svg = Buffer.from(readFileSync(join(here, from))).toString('base64');
  await page.setViewportSize({ width: size, height: size });
  await page.setContent(
    `<style>*{margin:0}img{display:block;width:${size}px;height:${size}px}</style><img src="data:image/svg+xml;base64,${svg}">`,
  );
  await page.locator('img').evaluate((image) => image.decode());
  await page.screenshot({ path: join(here, to), omitBackground: true });
}
await browser.close();
