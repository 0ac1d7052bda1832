// Brings the one figure of a page into its states: its presets, drawers, replies, and random events. Gives [what was done, pixels] of each.
async ({ events, seed }) => {
    let word = seed;
    const random = () => { // mulberry32
        word = (word + 0x6d2b79f5) | 0;
        let t = Math.imul(word ^ (word >>> 15), 1 | word);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const pick = list => list[Math.floor(random() * list.length)];
    const home = document.querySelector(".trlib-explorable"), found = [];
    const root = [...home.querySelectorAll("*")].find(node => node.shadowRoot?.querySelector(".trx:not(.still)")).shadowRoot;
    const all = selector => [...root.querySelectorAll(selector)], seen = selector => all(selector).filter(node => node.getClientRects().length);
    const measure = async words => {
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        found.push([words, Math.round(home.getBoundingClientRect().height)]);
    };
    await measure("at first");
    for (const preset of all(".try .marks button")) {
        preset.click();
        await measure(preset.textContent);
        for (const drawer of all("details.drawer")) {
            drawer.open = true;
            await measure(`${preset.textContent}, then ${drawer.querySelector("summary").textContent}`);
            drawer.open = false;
        }
    }
    for (const answer of all(".ask .answers button")) {
        answer.click();
        await measure(`answered ${answer.textContent}`);
    }
    for (const drawer of all("details.drawer")) drawer.open = false;
    const moved = (node, kind, value) => { Object.assign(node, value); node.dispatchEvent(new Event(kind, { bubbles: true })); };
    const acts = [
        () => pick(seen("button"))?.click(),
        () => { const node = pick(seen("input[type=range]")); if (node) moved(node, "input", { value: Math.floor(random() * (Number(node.max) + 1)) }); },
        () => pick(seen("input[type=radio], input[type=checkbox]"))?.click(),
        () => { const node = pick(seen("select")); if (node) moved(node, "change", { selectedIndex: Math.floor(random() * node.options.length) }); },
        () => { const node = pick(all("details.drawer")); if (node && random() < 0.5) node.open = !node.open; },
    ];
    for (let i = 0; i < events; i++) {
        const k = Math.floor(random() * acts.length);
        acts[k]();
        await measure(`event ${i}, of kind ${k}`);
    }
    return found;
}
