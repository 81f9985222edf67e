/* Debian's chromium, driven by playwright-core, which brings no browser. */

import fs from 'node:fs';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';


const require = createRequire(import.meta.url);

export const CHROMIUM = process.env.E2E_CHROMIUM ?? '/usr/bin/chromium';
export const AXE = require.resolve('axe-core/axe.min.js');


/* as root there is no sandbox; what the browser opens is ours */
export function launch() {
    return chromium.launch({
        executablePath: CHROMIUM,
        args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    });
}


/**
 * A page whose console stays empty: what the browser complains of (a refused
 * script, an exception) is collected in `page.complaints`.
 */
export async function open(browser, url, options = {}) {
    const context = await browser.newContext({
        locale: 'en-GB', timezoneId: 'UTC',
        viewport: { width: 1200, height: 800 }, ...options,
    });
    const page = await context.newPage();

    page.setDefaultTimeout(10000);
    page.complaints = [];
    page.on('pageerror', e => page.complaints.push(String(e)));
    page.on('console', message => {
        if (['error', 'warning'].includes(message.type())) {
            page.complaints.push(message.text());
        }
    });

    await page.goto(url);

    return page;
}


/** axe-core's findings of the impacts "serious" and "critical". */
export async function findings(page) {
    await page.evaluate(fs.readFileSync(AXE, 'utf8'));

    const { violations } = await page.evaluate(() => axe.run(document));

    return violations
        .filter(v => ['serious', 'critical'].includes(v.impact))
        .map(v => `${v.id}: ${v.nodes.map(n => n.html).slice(0, 3)
            .join(' ')}`);
}
