// What a hand may do before the one figure of a page has been drawn: no frame comes until all is done.
// Gives what went wrong, and how many events there were.
async () => {
    const home = document.querySelector(".trlib-explorable"), faults = [];
    addEventListener("error", event => faults.push(event.message));
    const found = () => [...home.querySelectorAll("*")].find(node => node.shadowRoot?.querySelector(".trx:not(.still)"))?.shadowRoot;
    while (!found()?.querySelector("button, select")) await new Promise(done => setTimeout(done, 10));
    const root = found();
    let count = 0;
    const say = (selector, act) => root.querySelectorAll(selector).forEach(node => { count += 1; act(node); });
    const tell = (node, ...kinds) => kinds.forEach(kind => node.dispatchEvent(new Event(kind, { bubbles: true, composed: true })));
    say("select", node => { for (let i = -1; i < node.options.length; i++) { node.selectedIndex = i; tell(node, "input", "change"); } });
    say("input[type=range]", node => { for (const value of [node.min, node.max]) { node.value = value; tell(node, "input", "change"); } });
    say("input[type=radio], input[type=checkbox]", node => node.click());
    say(".handle, [role=slider], .plane", node => { for (const key of ["ArrowLeft", "ArrowUp", "End", "Enter"])
        node.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true })); });
    say(".plane, .handle", node => { for (const pointerType of ["mouse", "touch"]) for (const kind of ["pointermove", "pointerdown", "pointermove", "pointerup", "click"])
        node.dispatchEvent(new PointerEvent(kind, { bubbles: true, composed: true, pointerId: 1, button: 0, pointerType })); });
    say("button", node => node.click());
    say("details", node => { node.open = !node.open; });
    letFramesGo();
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const node of root.querySelectorAll("svg *, .handle")) for (const { name, value } of node.attributes)
        if (name !== "aria-label" && /NaN|undefined|Infinity/.test(value)) faults.push(`${node.localName} ${name}=${value.slice(0, 60)}`);
    return { faults, count };
}
