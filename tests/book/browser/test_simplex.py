"""The simplex by hand: both policies stand where they are dragged to, and regions answer."""

import pytest

pytestmark = pytest.mark.test_all("one figure by hand")

HANDLE = ".trx .handle"  # of the old policy, then of the new one


def corner(one, token):
    """A corner of the whole triangle on the screen."""
    path = one.page.locator(".trx .sides").get_attribute("d")
    x, y = map(float, path.strip("MZ").split("L")[token].split(","))
    box = one.page.locator(".trx .plane svg").bounding_box()
    return box["x"] + x, box["y"] + y


def between(one, shares):
    corners = [corner(one, token) for token in range(3)]
    return tuple(
        sum(share * at[axis] for share, at in zip(shares, corners, strict=True)) for axis in (0, 1)
    )


def drag(one, index, to):
    x, y = one.middle(HANDLE, index)
    one.drag((x, y), right=to[0] - x, down=to[1] - y)


def row(one, name):
    return one.page.locator(".trx .regions tr", has_text=name).locator("td").all_inner_texts()


def test_both_policies_follow_the_mouse(visit):
    one = visit("Simplex")
    assert row(one, "TV") == ["0.150", "≤ 0.200", "✓ in"] and row(one, "ratio box") == [
        "0.700",
        "≤ 0.400",
        "✕ out",
    ]
    drag(one, 1, between(one, [0.2, 0.2, 0.6]))
    assert one.get("new") == pytest.approx([0.2, 0.2, 0.6], abs=0.005)
    assert one.get("old") == [0.6, 0.3, 0.1]
    assert row(one, "TV")[2] == "✕ out" and "Outside all" in one.text(".trx .verdict")
    drag(one, 0, between(one, [0.25, 0.2, 0.55]))
    assert one.get("old") == pytest.approx([0.25, 0.2, 0.55], abs=0.005)
    assert "Inside all" in one.text(".trx .verdict")
    drag(one, 1, (corner(one, 2)[0] + 60, corner(one, 2)[1] + 10))
    assert one.get("new") == pytest.approx([1e-4, 1e-4, 1 - 2e-4], abs=1e-3), (
        "the triangle's corner"
    )
    assert one.page.locator(".trx .notes").is_hidden(), "an ordinary drag shows no note"
