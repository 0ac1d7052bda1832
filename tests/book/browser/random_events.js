// Random events and addresses for the one figure of a page; gives what went wrong, and how many there were.
async ({ name, seed, events, addresses, frame }) => {
    let word = seed;
    const random = () => { // mulberry32
        word = (word + 0x6d2b79f5) | 0;
        let t = Math.imul(word ^ (word >>> 15), 1 | word);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const pick = list => list[Math.floor(random() * list.length)];
    const home = document.querySelector(".trlib-explorable"), faults = [];
    const holder = [...home.querySelectorAll("*")].find(node => node.shadowRoot?.querySelector(".trx:not(.still)"));
    const root = holder.shadowRoot, keys = Object.keys(JSON.parse(home.querySelector(".trlib-traits").textContent));
    for (const fold of root.querySelectorAll("details")) fold.open = true;
    const log = [], settings = keys.filter(key => !key.startsWith("_"));
    addEventListener("error", event => faults.push(`${event.message} after ${log.slice(-4).join(" | ")}`));
    addEventListener("unhandledrejection", event => faults.push(`${event.reason} after ${log.slice(-4).join(" | ")}`));
    const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const check = () => {
        for (const node of root.querySelectorAll("svg *, .handle")) for (const { name, value } of node.attributes)
            if (name !== "aria-label" && /NaN|undefined|Infinity/.test(value)) return `${node.localName} ${name}=${value.slice(0, 60)}`;
        const text = home.querySelector(".trlib-view").textContent;
        return text.includes("could not start") ? text.slice(-200) : null;
    };
    const odd = [NaN, null, undefined, "", "x", {}, [], [[]], -1, 0, 1, 1e308, -1e308, 1e-320, Infinity, true,
        { toString: 1, valueOf: 1 }, [{}], Array(9).fill(0), Array(8).fill(1), [1, 2, 3, 4, 5], Array(6).fill(0.5), "y".repeat(10000)];
    const seen = selector => [...root.querySelectorAll(selector)].filter(node => node.getClientRects().length);
    const point = kind => {
        const plane = pick(seen(".plane, svg"));
        if (!plane) return;
        const box = plane.getBoundingClientRect(), target = random() < 0.3 ? pick(seen(".handle")) ?? plane : plane;
        target.dispatchEvent(new PointerEvent(kind, { bubbles: true, composed: true, pointerId: 1, button: 0,
            pointerType: pick(["mouse", "touch"]), clientX: box.x + (1.4 * random() - 0.2) * box.width,
            clientY: box.y + (1.4 * random() - 0.2) * box.height }));
    };
    const acts = [
        () => pick(seen("button"))?.click(),
        () => { const node = pick(seen("input[type=range]")); if (node) { node.value = Number(node.min) + random() * (node.max - node.min);
            node.dispatchEvent(new Event("input", { bubbles: true })); } },
        () => pick(seen("input[type=radio], input[type=checkbox]"))?.click(),
        () => { const node = pick(seen("select")); if (node) { node.selectedIndex = Math.floor(random() * node.options.length);
            node.dispatchEvent(new Event("change", { bubbles: true })); } },
        () => pick([...root.querySelectorAll(".handle, [role=slider], [role=application]")])?.dispatchEvent(new KeyboardEvent("keydown",
            { key: pick(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Escape"]), shiftKey: random() < 0.3, bubbles: true })),
        () => point(pick(["pointerdown", "pointermove", "pointermove", "pointerup", "pointerleave", "pointercancel"])),
        () => { if (random() < 0.2) home.model.set(pick(settings), pick(odd)); },
    ];
    const texts = ['{"toString":1,"valueOf":1}', '[{"toString":1}]', "%", "%E0%A4%A", "null", "[]", "", "NaN", "-1e999", "1e308", "[[[[1]]]]",
        "true", "[0,0,0,0,0,0,0]", "[1e308,1e308,1e308,1e308,1e308]", "z".repeat(10000), "[".repeat(5000), "__proto__", "constructor"];
    const address = () => Array.from({ length: 1 + Math.floor(3 * random()) }, () =>
        `${pick([...settings, "__proto__", "at.toString", "nothing"])}=${pick(texts)}`).join("&");
    const step = async (words, act) => {
        log.push(words);
        try { act(); } catch (error) { faults.push(`${error.message} after ${log.slice(-4).join(" | ")}`); }
    };
    for (let i = 0; i < events && faults.length < 5; i++) {
        const k = Math.floor(random() * acts.length);
        await step(`event ${k}`, acts[k]);
        if (i % frame === frame - 1) { await drawn(); const found = check(); if (found) faults.push(`${found} after ${log.slice(-frame).join(" | ")}`); }
    }
    for (let i = 0; i < addresses && faults.length < 5; i++) {
        const mark = `#${name}:${address()}`;
        await step(mark.slice(0, 150), () => { location.hash = mark; });
        await drawn();
        const found = check();
        if (found) faults.push(`${found} at ${mark.slice(0, 200)}`);
    }
    return { faults, done: log.length };
}
