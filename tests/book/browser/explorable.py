"""What the tests of explorables share: a page for one, a visit that hears every complaint, and the
rules of axe-core."""

from contextlib import contextmanager
from pathlib import Path

AXE = Path(__file__).with_name("axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MODEL = "document.querySelector('.trlib-explorable').model"
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
TOUCHED = (
    ".trx button, label.toggle, .trx input[type=range], .trx .choice label, .trx .handle, "
    ".trx select"
)
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>body {{ margin: 16px; background: #fff; color: #111 }}
[data-theme=dark] body {{ background: #14181d; color: #eee }}
main {{ max-width: {width}; margin: auto }}</style></head>
<body><main><h1>{name}</h1>{body}<p style="height: 60rem">More of the page.</p></main></body></html>"""


def page_of(name, body, width="none"):
    return PAGE.format(name=name, body=body, width=width)


def violations(page, rules=RULES):
    """What axe-core finds, a line each."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found = page.evaluate(
        "([exclude, runOnly]) => axe.run({ exclude }, { runOnly, resultTypes: ['violations'] })",
        ["th:has(math)", rules],  # it reads no MathML, and takes a formula for an empty heading
    )
    return [
        f"{violation['id']}: {node['html'][:160]} "
        f"({node['failureSummary'].splitlines()[-1].strip()[:200]})"
        for violation in found["violations"]
        for node in violation["nodes"][:3]
    ]


def in_both_themes(page):
    """The page in light and in dark, with its colours drawn."""
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        dark = ".trx[data-dark]" if theme == "dark" else ".trx:not([data-dark])"
        page.wait_for_selector(dark, state="attached")
        page.evaluate(SETTLED)
        yield theme


class Load:
    """One load of a page, and what it asked for and complained of."""

    def __init__(self, page, address):
        self.page, self.requests, self.complaints = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


class Visit(Load):
    """A page with an explorable drawn."""

    drawn = ".trx:not(.still)[data-drawn]"

    def __init__(self, chromium, address, before="", **context):
        usual = {"viewport": {"width": 1000, "height": 900}, "reduced_motion": "reduce"}
        self.context = chromium.new_context(**{**usual, **context})
        page = self.context.new_page()
        page.add_init_script(before)
        super().__init__(page, address)
        page.wait_for_selector(self.drawn, state="attached")
        self.settle()

    def settle(self):
        self.page.evaluate(SETTLED)

    def get(self, name):
        return self.page.evaluate(f"name => {MODEL}.get(name)", name)

    def state(self, names):
        return self.page.evaluate(
            f"names => Object.fromEntries(names.map(name => [name, {MODEL}.get(name)]))", names
        )

    def set(self, **traits):
        self.page.evaluate(
            f"all => Object.entries(all).forEach(([key, value]) => {MODEL}.set(key, value))", traits
        )
        self.settle()

    def click(self, selector, index=0):
        self.page.locator(selector).nth(index).evaluate("node => node.click()")
        self.settle()

    def text(self, selector):
        return self.page.locator(selector).first.inner_text()

    def middle(self, selector, index=0):
        """Where the middle of an element stands on the screen."""
        box = self.page.locator(selector).nth(index).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, start, right=0, down=0):
        x, y = start
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y + down, steps=5)
        self.page.mouse.up()
        self.settle()

    def press(self, selector, *keys):
        """Focuses an element and presses keys, each of which is drawn."""
        self.page.locator(selector).first.focus()
        for key in keys:
            self.page.keyboard.press(key)
            self.settle()

    def facts(self):
        """What stands beside the figure, by name."""
        return self.page.locator(".trx .facts > div").evaluate_all(
            "all => Object.fromEntries(all.map(row => [...row.children].map(one => one.textContent)))"
        )

    def too_small(self):
        """What a finger has to hit and is less than 44 pixels high."""
        return self.page.locator(TOUCHED).evaluate_all(
            "all => all.map(node => [node.outerHTML.slice(0, 80), "
            "node.getBoundingClientRect().height]).filter(([, h]) => h > 0 && h < 44)"
        )

    def cut(self, width, but=""):
        """What leaves a screen of this width, outside of what is meant to."""
        return self.page.locator(".trx *").evaluate_all(
            "(all, [width, but]) => all.filter(node => !node.closest("
            "'.spoken, clipPath, [clip-path], legend' + but) && "
            "node.checkVisibility({ visibilityProperty: true }) && "
            "(node.getBoundingClientRect().right > width + 1 || "
            "node.getBoundingClientRect().left < -1)).map(node => node.outerHTML.slice(0, 90))",
            [width, but],
        )


@contextmanager
def visits(chromium, address, kind=Visit, first=""):
    """Opens the pages of a folder by name; nothing may be complained of."""
    made = []

    def visit(name=first, mark="", **context):
        made.append(kind(chromium, f"{address}/{name}.html{mark}", **context))
        return made[-1]

    yield visit
    for one in made:
        one.context.close()
    assert [one.complaints for one in made if one.complaints] == []
